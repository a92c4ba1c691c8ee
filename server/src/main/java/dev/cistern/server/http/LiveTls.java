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
 * The certificate in force. Its files are looked at on a virtual thread; a pair that is no pair is
 * refused, and what was in force stays so. Connections keep the certificate that they began with.
 *
 * <p>TLS 1.2 and 1.3, with key exchanges that keep the past secret and authenticated ciphers only.
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

  /** The content of the files at the last look; of the watcher's thread. */
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
   * @param threads for the parts of handshakes that take long
   * @throws IOException if they cannot be used, or the wanted provider does not run here
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

  /** Returns what encrypts, by the word of the configuration. */
  String provider() {
    return provider == SslProvider.JDK ? "jdk" : "boringssl";
  }

  /** Returns what a new connection begins with. Any thread. */
  SslHandler handler(Channel channel) {
    return inForce.newHandler(channel.alloc(), threads);
  }

  /** Looks for changes from now on. */
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
    // The files are replaced one after the other: what is half done is not looked at.
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

  /** Returns the digest of what the files say, or of why they cannot be read. */
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
