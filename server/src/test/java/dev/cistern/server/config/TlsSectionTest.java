package dev.cistern.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.server.http.TlsSettings;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.Base64;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TlsSectionTest {
  private static final String PASSWORD = "changeit";

  @TempDir private static Path directory;

  @BeforeAll
  static void makeIdentities() throws Exception {
    makeIdentity("one");
    makeIdentity("other");
    Files.writeString(directory.resolve("empty.pem"), "");
  }

  @Test
  void withoutTheSectionThereIsNoTls() {
    assertThat(new ConfigDraft().config().tls()).isEmpty();
  }

  @Test
  void aCertificateAndItsKeyAreEnough() {
    TlsSettings tls = read("certificate: one.pem", "key: one.key");

    assertThat(tls.certificate()).isEqualTo(directory.resolve("one.pem"));
    assertThat(tls.key()).isEqualTo(directory.resolve("one.key"));
    assertThat(tls.clientAuth()).isEqualTo(TlsSettings.ClientAuth.NONE);
    assertThat(tls.provider()).isEqualTo(TlsSettings.Provider.BEST);
    assertThat(tls.redirect()).isEmpty();
  }

  @Test
  void allKeysAreTaken() {
    TlsSettings tls =
        read(
            "certificate: one.pem",
            "key: one.key",
            "clientCa: other.pem",
            "clientAuth: require",
            "provider: jdk",
            "redirect: 127.0.0.1:8080");

    assertThat(tls.clientCa()).contains(directory.resolve("other.pem"));
    assertThat(tls.clientAuth()).isEqualTo(TlsSettings.ClientAuth.REQUIRE);
    assertThat(tls.provider()).isEqualTo(TlsSettings.Provider.JDK);
    assertThat(tls.redirect())
        .isEqualTo(Optional.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 8080)));
  }

  @Test
  void whoNamesAuthoritiesWantsToSeeCertificates() {
    assertThat(read("certificate: one.pem", "key: one.key", "clientCa: one.pem").clientAuth())
        .isEqualTo(TlsSettings.ClientAuth.OPTIONAL);
  }

  @Test
  void badValuesAreRefusedWithLineAndKey() {
    assertRefused(":2: tls.certificate: the key is missing", "key: one.key");
    assertRefused(":2: tls.key: the key is missing", "certificate: one.pem");
    assertRefused(":2: tls.certificate: the file ", "certificate: absent.pem", "key: one.key");
    assertRefused("no certificate in it", "certificate: empty.pem", "key: one.key");
    assertRefused("no private key in it", "certificate: one.pem", "key: one.pem");
    assertRefused(":3: tls.key: the key in ", "certificate: one.pem", "key: other.key");
    String pair = "certificate: one.pem\n  key: one.key";
    assertRefused(":4: tls.clientAuth: it needs clientCa", pair, "clientAuth: require");
    assertRefused("tls.clientAuth: none, optional or require", pair, "clientAuth: maybe");
    assertRefused("tls.clientCa: it is of no use", pair, "clientCa: one.pem", "clientAuth: none");
    assertRefused("tls.clientCa: the file ", pair, "clientCa: absent.pem");
    assertRefused("tls.provider: boringssl or jdk is expected", pair, "provider: openssl");
    assertRefused("tls.redirect: HOST:PORT is expected", pair, "redirect: '80'");
    assertRefused("tls.protocols: unknown key", pair, "protocols: [SSLv3]");
  }

  private static void assertRefused(String complaint, String... lines) {
    assertThatThrownBy(() -> read(lines))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("cistern.yaml:")
        .hasMessageContaining(complaint);
  }

  @Test
  void aRedirectBeyondLoopbackIsReachedByOthersToo() {
    String[] lines = {"certificate: one.pem", "key: one.key", "redirect: 127.0.0.1:8080"};
    assertThat(config(lines).isLoopbackOnly()).isTrue();
    lines[2] = "redirect: 0.0.0.0:8080";
    assertThat(config(lines).isLoopbackOnly()).isFalse();
  }

  private static TlsSettings read(String... lines) {
    return config(lines).tls().orElseThrow();
  }

  private static Config config(String... lines) {
    String yaml =
        ("tls:\n  " + String.join("\n  ", lines) + "\n")
            .replaceAll("(: )(\\w+\\.(pem|key))", "$1" + directory + "/$2");
    return new ConfigDraft().parse(yaml, "cistern.yaml").config();
  }

  private static void makeIdentity(String name)
      throws IOException, GeneralSecurityException, InterruptedException {
    Path store = directory.resolve(name + ".p12");
    Process keytool =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-alias",
                name,
                "-keyalg",
                "EC",
                "-dname",
                "CN=" + name,
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    assertThat(keytool.waitFor()).isZero();
    var keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD.toCharArray());
    }
    write(name + ".pem", "CERTIFICATE", keys.getCertificate(name).getEncoded());
    write(name + ".key", "PRIVATE KEY", keys.getKey(name, PASSWORD.toCharArray()).getEncoded());
  }

  private static void write(String file, String label, byte[] content) throws IOException {
    Files.writeString(
        directory.resolve(file),
        "-----BEGIN "
            + label
            + "-----\n"
            + Base64.getMimeEncoder().encodeToString(content)
            + "\n-----END "
            + label
            + "-----\n");
  }
}
