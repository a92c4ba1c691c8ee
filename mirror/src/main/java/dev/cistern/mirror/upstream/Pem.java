package dev.cistern.mirror.upstream;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A reader of PEM files (RFC 7468): certificates, and private keys without a password. */
final class Pem {
  private static final Pattern BLOCK =
      Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);
  private static final List<String> ALGORITHMS = List.of("RSA", "EC", "EdDSA");
  private static final byte[] VERSION_0 = HexFormat.of().parseHex("020100");
  private static final byte[] RSA = HexFormat.of().parseHex("300d06092a864886f70d0101010500");
  private static final byte[] EC_PUBLIC_KEY = HexFormat.of().parseHex("06072a8648ce3d0201");
  private static final int SEQUENCE = 0x30;
  private static final int OCTETS = 0x04;
  private static final int CURVE = 0xa0;

  private Pem() {}

  /**
   * Returns the certificates in a file, at least one.
   *
   * @throws IOException if the file cannot be read or has no certificate
   */
  static List<X509Certificate> certificates(Path file) throws IOException {
    var certificates = new ArrayList<X509Certificate>();
    try (InputStream in = Files.newInputStream(file)) {
      for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        certificates.add((X509Certificate) one);
      }
    } catch (CertificateException e) {
      throw new IOException(
          file + ": no certificates: PEM (-----BEGIN CERTIFICATE-----) is expected", e);
    }
    if (certificates.isEmpty()) {
      throw new IOException(
          file + ": no certificate in it; PEM (-----BEGIN CERTIFICATE-----) is expected");
    }
    return certificates;
  }

  /**
   * Returns the private key in a file: PKCS#8, or the older forms of RSA (PKCS#1) and EC (SEC 1).
   *
   * @throws IOException if the file cannot be read or has none of these
   */
  static PrivateKey key(Path file) throws IOException {
    Matcher block = BLOCK.matcher(Files.readString(file, StandardCharsets.ISO_8859_1));
    while (block.find()) {
      String label = block.group(1);
      if (label.endsWith("PRIVATE KEY")) {
        if (label.startsWith("ENCRYPTED") || block.group(2).contains("ENCRYPTED")) {
          throw new IOException(
              file + ": the key is encrypted; one without a password is expected (openssl pkey)");
        }
        return key(file, label, block.group(2));
      }
    }
    throw new IOException(
        file + ": no private key in it; PEM (-----BEGIN PRIVATE KEY-----) is expected");
  }

  private static PrivateKey key(Path file, String label, String base64) throws IOException {
    try {
      byte[] der = Base64.getMimeDecoder().decode(base64);
      return switch (label) {
        case "PRIVATE KEY" -> pkcs8(der);
        case "RSA PRIVATE KEY" -> pkcs8(sequence(VERSION_0, RSA, tagged(OCTETS, der)));
        case "EC PRIVATE KEY" ->
            pkcs8(sequence(VERSION_0, sequence(EC_PUBLIC_KEY, curve(der)), tagged(OCTETS, der)));
        default -> throw new InvalidKeySpecException(label);
      };
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new IOException(
          file + ": the key is damaged or of an unknown kind; RSA, EC or Ed25519 is expected", e);
    }
  }

  private static PrivateKey pkcs8(byte[] der) throws GeneralSecurityException {
    for (String algorithm : ALGORITHMS) {
      try {
        return KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(der));
      } catch (InvalidKeySpecException e) {
        // The key is of another algorithm, or of none. The next one is tried.
      }
    }
    throw new InvalidKeySpecException("no key of " + ALGORITHMS);
  }

  /** Returns the curve's identifier in a SEC 1 key: SEQUENCE, version, octets, then [0]. */
  private static byte[] curve(byte[] der) throws InvalidKeySpecException {
    int at = content(der, 0);
    while (at < der.length) {
      int begin = content(der, at);
      int end = begin + length(der, at);
      if (end > der.length) {
        break;
      }
      if ((der[at] & 0xff) == CURVE) {
        return Arrays.copyOfRange(der, begin, end);
      }
      at = end;
    }
    throw new InvalidKeySpecException("the key does not name its curve");
  }

  /** Returns the index at which the content of the element at {@code at} begins. */
  private static int content(byte[] der, int at) throws InvalidKeySpecException {
    if (at + 1 >= der.length) {
      throw new InvalidKeySpecException("it ends too early");
    }
    int first = der[at + 1] & 0xff;
    return at + 2 + (first < 0x80 ? 0 : first & 0x7f);
  }

  private static int length(byte[] der, int at) throws InvalidKeySpecException {
    int content = content(der, at);
    int first = der[at + 1] & 0xff;
    if (first < 0x80) {
      return first;
    }
    if (first > 0x82 || content > der.length) {
      throw new InvalidKeySpecException("an element is too long");
    }
    int length = 0;
    for (int i = at + 2; i < content; i++) {
      length = (length << 8) | (der[i] & 0xff);
    }
    return length;
  }

  private static byte[] sequence(byte[]... parts) {
    var all = new ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return tagged(SEQUENCE, all.toByteArray());
  }

  private static byte[] tagged(int tag, byte[] content) {
    var all = new ByteArrayOutputStream();
    all.write(tag);
    if (content.length < 0x80) {
      all.write(content.length);
    } else if (content.length <= 0xff) { // DER: the shortest form of a length, X.690 section 10.1
      all.write(0x81);
      all.write(content.length);
    } else {
      all.write(0x82);
      all.write(content.length >> 8);
      all.write(content.length);
    }
    all.writeBytes(content);
    return all.toByteArray();
  }
}
