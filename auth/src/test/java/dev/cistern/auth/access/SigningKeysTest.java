package dev.cistern.auth.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPairGenerator;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SigningKeysTest {
  @TempDir private Path temporary;

  @Test
  void aDirectoryWithoutKeysGetsOneThatOnlyTheOwnerReads() throws Exception {
    Path directory = temporary.resolve("a/keys");
    SigningKeys made = SigningKeys.open(directory);
    assertThat(files(directory)).singleElement().asString().endsWith("/signing-key.pem");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
        .isEqualTo("rwx------");
    assertThat(
            PosixFilePermissions.toString(
                Files.getPosixFilePermissions(directory.resolve("signing-key.pem"))))
        .isEqualTo("rw-------");
    assertThat(SigningKeys.open(directory).signing().id()).isEqualTo(made.signing().id());
  }

  @Test
  void thoseWhoMakeTheFirstKeyAtOnceGetTheSame() throws Exception {
    Path directory = temporary.resolve("keys");
    int many = 8;
    var start = new CountDownLatch(many);
    Callable<String> open =
        () -> {
          start.countDown();
          start.await();
          return SigningKeys.open(directory).signing().id();
        };
    try (var threads = Executors.newFixedThreadPool(many)) {
      var ids = new ArrayList<Future<String>>();
      for (int i = 0; i < many; i++) {
        ids.add(threads.submit(open));
      }
      String first = ids.getFirst().get();
      for (Future<String> id : ids) {
        assertThat(id.get()).isEqualTo(first);
      }
    }
    assertThat(files(directory)).hasSize(1);
  }

  @Test
  void theLastByNameSignsAndAllVerify() throws Exception {
    Files.writeString(temporary.resolve("2026.pem"), SigningKey.generate());
    Files.writeString(temporary.resolve("2025.pem"), SigningKey.generate());
    Files.writeString(temporary.resolve("2027.txt"), "not a key, and not asked for");
    SigningKeys keys = SigningKeys.open(temporary);
    String older = SigningKeys.of(List.of(temporary.resolve("2025.pem"))).signing().id();
    String newer = SigningKeys.of(List.of(temporary.resolve("2026.pem"))).signing().id();
    assertThat(keys.signing().id()).isEqualTo(newer);
    assertThat(keys.find(older)).isPresent();
    assertThat(keys.find(newer)).isPresent();
    assertThat(keys.find("other")).isEmpty();
  }

  @Test
  void theIdIsTheThumbprintOfThePublicKeyThatTheFileDoesNotHave() throws Exception {
    for (int i = 0; i < 20; i++) {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
      generator.initialize(new ECGenParameterSpec("secp256r1"));
      var pair = generator.generateKeyPair();
      Path file = pem("PRIVATE KEY", pair.getPrivate().getEncoded());
      assertThat(SigningKeys.of(List.of(file)).signing().id())
          .isEqualTo(
              new ECKey.Builder(Curve.P_256, (ECPublicKey) pair.getPublic())
                  .build()
                  .computeThumbprint()
                  .toString());
    }
  }

  @ParameterizedTest
  @CsvSource({"EC, secp384r1", "EC, secp521r1", "RSA,", "Ed25519,"})
  void aKeyOfAnotherKindIsRefused(String algorithm, String curve) throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
    if (curve != null) {
      generator.initialize(new ECGenParameterSpec(curve));
    }
    byte[] encoded = generator.generateKeyPair().getPrivate().getEncoded();
    assertRefused(pem("PRIVATE KEY", encoded), Base64.getEncoder().encodeToString(encoded));
  }

  @Test
  void aFileOfAnotherFormIsRefused() throws Exception {
    byte[] some = {1, 2, 3, 4, 5, 6};
    assertRefused(pem("EC PRIVATE KEY", some), "AQIDBAUG");
    assertRefused(pem("PUBLIC KEY", some), "AQIDBAUG");
    assertRefused(pem("PRIVATE KEY", some), "AQIDBAUG");
    assertRefused(Files.writeString(temporary.resolve("k"), ""), "\n");
    assertRefused(
        Files.writeString(
            temporary.resolve("k"),
            "-----BEGIN PRIVATE KEY-----\ns3cret*\n-----END PRIVATE KEY-----"),
        "s3cret");
    String key = SigningKey.generate();
    String body = key.substring(28, 60);
    assertRefused(Files.writeString(temporary.resolve("k"), key + key), body);
    assertRefused(Files.writeString(temporary.resolve("k"), key.substring(0, 80)), body);
    assertThatThrownBy(() ->
            SigningKeys.of(List.of(Files.writeString(temporary.resolve("k"), "x".repeat(16_385)))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("larger than 16384 bytes");
    assertThatThrownBy(() -> SigningKeys.of(List.of()))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no file");
    assertThatThrownBy(() -> SigningKeys.of(List.of(temporary.resolve("none.pem"))))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("none.pem");
  }

  @Test
  void oneWrongFileInADirectoryIsNotPassedOver() throws Exception {
    Files.writeString(temporary.resolve("1.pem"), SigningKey.generate());
    Files.writeString(temporary.resolve("2.pem"), "");
    assertThatThrownBy(() -> SigningKeys.open(temporary))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("2.pem is not a signing key");
  }

  @Test
  void noKeyIsShown() throws Exception {
    String pem = SigningKey.generate();
    SigningKeys keys = SigningKeys.of(List.of(Files.writeString(temporary.resolve("1.pem"), pem)));
    assertThat(keys).hasToString("signing keys [" + keys.signing().id() + "]");
    assertThat(keys.signing()).hasToString(keys.signing().id());
    for (String line : pem.lines().toList()) {
      assertThat(keys.toString()).doesNotContain(line);
    }
  }

  private Path pem(String type, byte[] encoded) throws IOException {
    return Files.writeString(
        temporary.resolve("k"),
        "-----BEGIN %s-----\n%s\n-----END %s-----\n"
            .formatted(type, Base64.getMimeEncoder().encodeToString(encoded), type));
  }

  private static void assertRefused(Path file, String secret) {
    assertThatThrownBy(() -> SigningKeys.of(List.of(file)))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith(file + " is not a signing key: ")
        .hasMessageContaining("expected is an EC P-256 key in PKCS#8 PEM")
        .message()
        .doesNotContain("is not a signing key: null", secret);
  }

  private static List<Path> files(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.toList();
    }
  }
}
