package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECPoint;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PemTest {
  /** What precedes a PKCS#1 key of 2048 bits in PKCS#8. */
  private static final int RSA_2048_HEADER = 26;

  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"RSA", "EC", "Ed25519"})
  void readsPkcs8(String algorithm) throws IOException, GeneralSecurityException {
    PrivateKey key = generate(algorithm);

    assertThat(Pem.key(file("PRIVATE KEY", key.getEncoded()))).isEqualTo(key);
  }

  @Test
  void readsPkcs1() throws IOException, GeneralSecurityException {
    PrivateKey key = generate("RSA");
    byte[] der = key.getEncoded();
    byte[] inner = Arrays.copyOfRange(der, RSA_2048_HEADER, der.length);

    assertThat(Pem.key(file("RSA PRIVATE KEY", inner))).isEqualTo(key);
  }

  @Test
  void readsSec1AfterItsParameters() throws IOException, GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec("secp256r1"));
    var key = (ECPrivateKey) generator.generateKeyPair().getPrivate();
    String curve = "06082a8648ce3d030107";
    var der = new ByteArrayOutputStream();
    der.writeBytes(HexFormat.of().parseHex("30310201010420"));
    der.writeBytes(HexFormat.of().parseHex(String.format("%064x", key.getS())));
    der.writeBytes(HexFormat.of().parseHex("a00a" + curve));
    String text =
        pem("EC PARAMETERS", HexFormat.of().parseHex(curve))
            + pem("EC PRIVATE KEY", der.toByteArray());

    PrivateKey read = Pem.key(Files.writeString(directory.resolve("key.pem"), text));

    assertThat(((ECPrivateKey) read).getS()).isEqualTo(key.getS());
  }

  /** As {@code openssl ecparam -genkey} writes it. */
  @ParameterizedTest
  @CsvSource({
    "secp256r1, 06082a8648ce3d030107, 32",
    "secp384r1, 06052b81040022, 48",
    "secp521r1, 06052b81040023, 66",
  })
  void readsSec1WithItsPublicKey(String curve, String oid, int bytes)
      throws IOException, GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(new ECGenParameterSpec(curve));
    KeyPair pair = generator.generateKeyPair();
    var key = (ECPrivateKey) pair.getPrivate();
    ECPoint point = ((ECPublicKey) pair.getPublic()).getW();
    String publicKey = "0004" + hex(point.getAffineX(), bytes) + hex(point.getAffineY(), bytes);
    String der =
        element(
            "30",
            "020101"
                + element("04", hex(key.getS(), bytes))
                + element("a0", oid)
                + element("a1", element("03", publicKey)));

    PrivateKey read =
        Pem.key(
            Files.writeString(
                directory.resolve("key.pem"), pem("EC PRIVATE KEY", HexFormat.of().parseHex(der))));

    assertThat(((ECPrivateKey) read).getS()).isEqualTo(key.getS());
  }

  private static String hex(BigInteger number, int bytes) {
    return String.format("%0" + 2 * bytes + "x", number);
  }

  private static String element(String tag, String content) {
    int length = content.length() / 2;
    return tag + (length < 0x80 ? "" : "81") + String.format("%02x", length) + content;
  }

  @ParameterizedTest
  @CsvSource({
    "PRIVATE KEY, 00, damaged or of an unknown kind",
    "PRIVATE KEY, 3003020100, damaged or of an unknown kind",
    "RSA PRIVATE KEY, 3000, damaged or of an unknown kind",
    "EC PRIVATE KEY, 30, damaged or of an unknown kind",
    "EC PRIVATE KEY, 30030201, damaged or of an unknown kind",
    "EC PRIVATE KEY, 308fffffff, damaged or of an unknown kind",
    "DSA PRIVATE KEY, 3000, damaged or of an unknown kind",
    "ENCRYPTED PRIVATE KEY, 3000, one without a password is expected",
    "CERTIFICATE, 3000, no private key in it",
  })
  void refusesWithTheFileAndWhatIsRight(String label, String hex, String complaint)
      throws IOException {
    Path file = file(label, HexFormat.of().parseHex(hex));

    assertThatThrownBy(() -> Pem.key(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file.toString())
        .hasMessageContaining(complaint);
  }

  @Test
  void refusesAKeyThatOpensslEncryptedTheOldWay() throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("key.pem"),
            """
            -----BEGIN RSA PRIVATE KEY-----
            Proc-Type: 4,ENCRYPTED
            DEK-Info: AES-256-CBC,00

            MAA=
            -----END RSA PRIVATE KEY-----
            """);

    assertThatThrownBy(() -> Pem.key(file)).hasMessageContaining("is encrypted");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "nonsense", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END"})
  void refusesAFileWithoutCertificates(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("ca.pem"), text);

    assertThatThrownBy(() -> Pem.certificates(file))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + ": no certificate")
        .hasMessageContaining("BEGIN CERTIFICATE");
  }

  private static PrivateKey generate(String algorithm) throws GeneralSecurityException {
    KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
    if (algorithm.equals("RSA")) {
      generator.initialize(2048);
    }
    return generator.generateKeyPair().getPrivate();
  }

  private Path file(String label, byte[] der) throws IOException {
    return Files.writeString(directory.resolve("key.pem"), pem(label, der));
  }

  private static String pem(String label, byte[] der) {
    String base64 = Base64.getMimeEncoder(64, "\n".getBytes(US_ASCII)).encodeToString(der);
    return "-----BEGIN " + label + "-----\n" + base64 + "\n-----END " + label + "-----\n";
  }
}
