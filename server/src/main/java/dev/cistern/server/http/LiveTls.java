package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.base.Guarded;
import dev.cistern.mirror.upstream.ClientCertificate;
import dev.cistern.oci.Digest;
import io.netty.channel.Channel;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.ClientAuth;
import io.netty.handler.ssl.OpenSsl;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.ssl.SslProvider;
import io.netty.handler.ssl.SupportedCipherSuiteFilter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The certificate in effect, which is reloaded when its files change. A virtual thread checks the
 * files. If certificate and key do not match, they are refused, and the previous certificate stays
 * in effect. Connections keep the certificate that they began with.
 *
 * <p>Supports TLS 1.2 and 1.3, with forward-secret key exchanges and authenticated ciphers only.
 */
final class LiveTls implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LiveTls.class);
  private static final Duration PAUSE = Duration.ofMillis(500);
  private static final List<String> PROTOCOLS = List.of("TLSv1.3", "TLSv1.2");
  private static final List<String> CIPHERS =
      List.of(
          "TLS_AES_128_GCM_SHA256",
          "TLS_AES_256_GCM_SHA384",
          "TLS_CHACHA20_POLY1305_SHA256",
          "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
          "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
          "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
          "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
          "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
          "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");

  private final TlsSettings settings;
  private final SslProvider provider;
  private final Executor threads;
  private volatile SslContext inForce;
  private Digest tried;

  /** The content of the files at the last check; used by the watcher's thread. */
  private Digest seen;

  private @Nullable Thread watcher;

  private LiveTls(TlsSettings settings, SslProvider provider, Executor threads, Digest tried)
      throws IOException {
    this.settings = settings;
    this.provider = provider;
    this.threads = threads;
    this.tried = tried;
    this.seen = tried;
    this.inForce = context();
  }

  /**
   * Reads the files.
   *
   * @param threads the executor for the slow parts of handshakes
   * @throws IOException if the files cannot be used, or the configured provider does not run on
   *     this machine
   */
  static LiveTls open(TlsSettings settings, Executor threads) throws IOException {
    return new LiveTls(settings, provider(settings.provider()), threads, contents(settings));
  }

  private static SslProvider provider(TlsSettings.Provider wanted) throws IOException {
    if (wanted == TlsSettings.Provider.JDK) {
      return SslProvider.JDK;
    }
    if (OpenSsl.isAvailable()) {
      return SslProvider.OPENSSL;
    }
    if (wanted == TlsSettings.Provider.BORINGSSL) {
      throw new IOException(
          "tls.provider: boringssl does not run on this machine; jdk does: "
              + OpenSsl.unavailabilityCause());
    }
    return SslProvider.JDK;
  }

  /** Returns the TLS provider, as the configuration names it. */
  String provider() {
    return provider == SslProvider.JDK ? "jdk" : "boringssl";
  }

  /** Returns the TLS handler of a new connection. Any thread. */
  SslHandler handler(Channel channel) {
    return inForce.newHandler(channel.alloc(), threads);
  }

  /** Starts to watch the files. */
  void follow() {
    watcher = Thread.ofVirtual().name("certificate").start(this::watch);
  }

  private void watch() {
    try {
      while (true) {
        Thread.sleep(PAUSE);
        Guarded.run("reload of certificates", this::look);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the server stops
    }
  }

  private void look() {
    Digest now = contents(settings);
    // The files are replaced one after the other, so a half-finished replacement is not loaded.
    if (!now.equals(tried) && now.equals(seen)) {
      tried = now;
      replace();
    }
    seen = now;
  }

  private void replace() {
    try {
      inForce = context();
      LOG.atInfo()
          .addKeyValue("file", settings.certificate())
          .log("the changed certificate is in force");
    } catch (IOException | RuntimeException e) {
      LOG.error("refused, the certificate before stays: {}", e.getMessage());
    }
  }

  private SslContext context() throws IOException {
    List<X509Certificate> chain = read(settings.certificate(), ClientCertificate::readChain);
    var identity = new ClientCertificate(chain, read(settings.key(), ClientCertificate::readKey));
    if (!identity.isWhole()) {
      throw new IOException(
          "the key in "
              + settings.key()
              + " is not that of the first certificate in "
              + settings.certificate());
    }
    SslContextBuilder builder =
        SslContextBuilder.forServer(identity.key(), chain.toArray(X509Certificate[]::new))
            .sslProvider(provider)
            .protocols(PROTOCOLS)
            .ciphers(CIPHERS, SupportedCipherSuiteFilter.INSTANCE)
            .clientAuth(
                switch (settings.clientAuth()) {
                  case NONE -> ClientAuth.NONE;
                  case OPTIONAL -> ClientAuth.OPTIONAL;
                  case REQUIRE -> ClientAuth.REQUIRE;
                })
            .applicationProtocolConfig(
                new ApplicationProtocolConfig(
                    ApplicationProtocolConfig.Protocol.ALPN,
                    ApplicationProtocolConfig.SelectorFailureBehavior.NO_ADVERTISE,
                    ApplicationProtocolConfig.SelectedListenerFailureBehavior.ACCEPT,
                    ApplicationProtocolNames.HTTP_1_1));
    if (settings.clientCa().isPresent()) {
      List<X509Certificate> authorities =
          read(settings.clientCa().get(), ClientCertificate::readChain);
      builder.trustManager(authorities.toArray(X509Certificate[]::new));
    }
    return builder.build();
  }

  private interface Reader<T> {
    T read(Path file) throws IOException;
  }

  private static <T> T read(Path file, Reader<T> reader) throws IOException {
    try {
      return reader.read(file);
    } catch (NoSuchFileException e) {
      throw new IOException("the file " + file + " is not there", e);
    }
  }

  /** Returns the digest of the files' content, or of the errors while reading them. */
  private static Digest contents(TlsSettings settings) {
    var all = new ByteArrayOutputStream();
    Stream.concat(Stream.of(settings.certificate(), settings.key()), settings.clientCa().stream())
        .forEach(file -> {
          try {
            all.writeBytes(Files.readAllBytes(file));
          } catch (IOException e) {
            all.writeBytes(e.toString().getBytes(UTF_8));
          }
        });
    return Digest.of(all.toByteArray());
  }

  @Override
  public void close() {
    if (watcher != null) {
      watcher.interrupt();
    }
  }
}
