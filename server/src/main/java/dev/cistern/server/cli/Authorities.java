package dev.cistern.server.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/** Certificate authorities that a client trusts to authenticate a server. */
final class Authorities {
  private Authorities() {}

  /**
   * Returns a factory of sockets that trust only the certificates in a file.
   *
   * @throws IOException if the file cannot be read or contains no certificate
   */
  static SSLSocketFactory trusting(Path file) throws IOException {
    try {
      KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
      store.load(null, null);
      var in = new ByteArrayInputStream(bytes(file));
      for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        store.setCertificateEntry("ca" + store.size(), one);
      }
      if (store.size() == 0) {
        throw new CertificateException("none in it");
      }
      var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(store);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, trust.getTrustManagers(), null);
      return context.getSocketFactory();
    } catch (GeneralSecurityException e) {
      throw new IOException(
          file + ": no certificates: PEM (-----BEGIN CERTIFICATE-----) is expected", e);
    }
  }

  /** Returns the content of such a file. */
  static byte[] bytes(Path file) throws IOException {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new IOException(file + ": cannot be read: " + e, e);
    }
  }
}
