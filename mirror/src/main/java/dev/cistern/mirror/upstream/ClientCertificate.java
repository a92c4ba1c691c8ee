package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.List;

/**
 * What this server shows to a registry that wants to know who it is.
 *
 * @param chain its certificate, then those that lead to an authority
 */
public record ClientCertificate(List<X509Certificate> chain, PrivateKey key) {
  private static final byte[] PROBE = new byte[32];

  public ClientCertificate {
    chain = List.copyOf(chain);
  }

  /**
   * Returns the certificates in a PEM file, the server's own first.
   *
   * @throws IOException if it cannot be read or has none
   */
  public static List<X509Certificate> readChain(Path file) throws IOException {
    return Pem.certificates(file);
  }

  /**
   * Returns the private key in a PEM file: PKCS#8, PKCS#1 or SEC 1, without a password.
   *
   * @throws IOException if it cannot be read or has none
   */
  public static PrivateKey readKey(Path file) throws IOException {
    return Pem.key(file);
  }

  /** Says whether the key is the one of the first certificate. */
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
