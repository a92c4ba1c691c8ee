package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.List;

/**
 * The certificate and key that this server presents to a registry that requests a client
 * certificate.
 *
 * @param chain the server's certificate, then those that lead to an authority
 */
public record ClientCertificate(List<X509Certificate> chain, PrivateKey key) {
  private static final byte[] PROBE = new byte[32];

  public ClientCertificate {
    chain = List.copyOf(chain);
  }

  /**
   * Returns the certificates in a PEM file, in the file's order. The server's own must be the
   * first.
   *
   * @throws IOException if the file cannot be read or has no certificate
   */
  public static List<X509Certificate> readChain(Path file) throws IOException {
    return Pem.certificates(file);
  }

  /**
   * Returns the private key in a PEM file: PKCS#8, PKCS#1 or SEC 1, without a password.
   *
   * @throws IOException if the file cannot be read or has no such key
   */
  public static PrivateKey readKey(Path file) throws IOException {
    return Pem.key(file);
  }

  /** Returns whether the key belongs to the first certificate. */
  public boolean isWhole() {
    String algorithm =
        switch (key.getAlgorithm()) {
          case "RSA" -> "SHA256withRSA";
          case "EC" -> "SHA256withECDSA";
          default -> key.getAlgorithm();
        };
    try {
      Signature signature = Signature.getInstance(algorithm);
      signature.initSign(key);
      signature.update(PROBE);
      byte[] signed = signature.sign();
      signature.initVerify(chain.getFirst().getPublicKey());
      signature.update(PROBE);
      return signature.verify(signed);
    } catch (GeneralSecurityException ofAnotherKind) {
      return false;
    }
  }

  @Override
  public String toString() {
    return "certificate of " + chain.getFirst().getSubjectX500Principal();
  }
}
