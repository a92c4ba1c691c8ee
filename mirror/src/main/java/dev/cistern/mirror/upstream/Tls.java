package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.net.Socket;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.util.Optional;
import javax.net.ssl.SSLSocket;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.client5.http.ssl.HostnameVerificationPolicy;
import org.apache.hc.client5.http.ssl.NoopHostnameVerifier;
import org.apache.hc.client5.http.ssl.TlsSocketStrategy;
import org.apache.hc.client5.http.ssl.TrustAllStrategy;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.ssl.SSLContextBuilder;
import org.apache.hc.core5.ssl.SSLContexts;
import org.jspecify.annotations.Nullable;

/**
 * TLS to one upstream: its trusted authorities, and the client certificate that is presented only
 * to the registry's own endpoint. It is set up at the first connection that needs it, because
 * reading all authorities of the JDK takes time.
 */
final class Tls implements TlsSocketStrategy {
  private static final char[] NO_PASSWORD = {};

  private final UpstreamSettings settings;
  private final String endpoint;

  /** Guarded by this. */
  private @Nullable TlsSocketStrategy toEndpoint;

  /** Guarded by this. */
  private @Nullable TlsSocketStrategy toOthers;

  Tls(UpstreamSettings settings) {
    this.settings = settings;
    this.endpoint = Destinations.origin(settings.endpoint());
  }

  /**
   * Upgrades a connection to TLS.
   *
   * @throws IOException if that fails, or the CA file cannot be used
   */
  @Override
  public SSLSocket upgrade(
      Socket socket, String target, int port, Object attachment, HttpContext context)
      throws IOException {
    boolean isEndpoint = Destinations.origin("https", target, port).equals(endpoint);
    return strategy(isEndpoint).upgrade(socket, target, port, attachment, context);
  }

  private synchronized TlsSocketStrategy strategy(boolean isEndpoint) throws IOException {
    Optional<ClientCertificate> certificate = settings.connection().certificate();
    try {
      if (isEndpoint && certificate.isPresent()) {
        if (toEndpoint == null) {
          toEndpoint = strategy(settings, certificate);
        }
        return toEndpoint;
      }
      if (toOthers == null) {
        toOthers = strategy(settings, Optional.empty());
      }
      return toOthers;
    } catch (GeneralSecurityException e) {
      throw new IOException("TLS cannot be set up for upstream " + settings.name() + ": " + e, e);
    }
  }

  private static TlsSocketStrategy strategy(
      UpstreamSettings settings, Optional<ClientCertificate> certificate)
      throws IOException, GeneralSecurityException {
    SSLContextBuilder context = SSLContexts.custom();
    if (certificate.isPresent()) {
      context.loadKeyMaterial(keys(certificate.get()), NO_PASSWORD);
    }
    if (settings.insecure()) {
      return new DefaultClientTlsStrategy(
          context.loadTrustMaterial(TrustAllStrategy.INSTANCE).build(),
          HostnameVerificationPolicy.CLIENT,
          NoopHostnameVerifier.INSTANCE);
    }
    if (settings.caFile().isPresent()) {
      context.loadTrustMaterial(authorities(settings.caFile().get()), null);
    }
    return new DefaultClientTlsStrategy(context.build());
  }

  private static KeyStore authorities(Path file) throws IOException, GeneralSecurityException {
    KeyStore store = empty();
    for (X509Certificate certificate : Pem.certificates(file)) {
      store.setCertificateEntry("ca" + store.size(), certificate);
    }
    return store;
  }

  private static KeyStore keys(ClientCertificate certificate)
      throws IOException, GeneralSecurityException {
    KeyStore store = empty();
    store.setKeyEntry(
        "client", certificate.key(), NO_PASSWORD, certificate.chain().toArray(Certificate[]::new));
    return store;
  }

  private static KeyStore empty() throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    return store;
  }
}
