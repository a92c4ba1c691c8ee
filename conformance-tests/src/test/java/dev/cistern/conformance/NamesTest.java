package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {
  private static final byte[] MANIFEST = Samples.manifest("names");
  private static final byte[] BLOB = Samples.bytes(1000, 1);

  private static UpstreamRegistry upstream;
  private static UpstreamRegistry usual;
  private static UpstreamRegistry unknown;
  private static CisternServer server;
  private static TestClient client;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    usual = UpstreamRegistry.start();
    unknown = UpstreamRegistry.start();
    server =
        new TestConfig(directory)
            .upstream("alias", upstream, "insecure: true")
            .upstream("usual", usual, "insecure: true")
            .registry("registry.example", upstream, "insecure: true")
            .line("defaultUpstream: usual")
            .start();
    client = new TestClient(server);
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
    usual.close();
    unknown.close();
  }

  @AfterEach
  void noUpstreamIsSpokenToThatIsNotConfigured() {
    assertThat(unknown.connections()).isZero();
  }

  @Test
  void theFirstComponentMayBeTheHostOfAnUpstream() {
    String digest = upstream.addManifest("team/app", MANIFEST, "v1");

    Answered answered = client.get("/v2/registry.example/team/app/manifests/v1");

    assertThat(answered.status()).isEqualTo(200);
    assertThat(answered.bytes()).isEqualTo(MANIFEST);
    assertThat(answered.header("Docker-Content-Digest")).isEqualTo(digest);
    assertThat(answered.header("OCI-Namespace")).isEmpty();
  }

  @Test
  void theFirstComponentMayBeTheAliasOfAnUpstream() {
    upstream.addManifest("by/alias", MANIFEST, "v1");
    String blob = upstream.addBlob("by/alias", BLOB);

    assertThat(client.get("/v2/alias/by/alias/manifests/v1").bytes()).isEqualTo(MANIFEST);
    assertThat(client.get("/v2/alias/by/alias/blobs/" + blob).bytes()).isEqualTo(BLOB);
  }

  @Test
  void nsNamesTheUpstreamAndIsAnsweredWithTheNamespace() {
    upstream.addManifest("by/ns", MANIFEST, "v1");
    String blob = upstream.addBlob("by/ns", BLOB);
    String ns = "?ns=registry.example";

    Answered manifest = client.get("/v2/by/ns/manifests/v1" + ns);
    Answered content = client.get("/v2/by/ns/blobs/" + blob + ns);
    Answered again = client.get("/v2/by/ns/manifests/v1" + ns);
    Answered head = client.head("/v2/by/ns/blobs/" + blob + ns);

    assertThat(manifest.bytes()).isEqualTo(MANIFEST);
    assertThat(content.bytes()).isEqualTo(BLOB);
    assertThat(head.status()).isEqualTo(200);
    assertThat(List.of(manifest, content, again, head))
        .extracting(answered -> answered.header("OCI-Namespace"))
        .containsOnly("registry.example");
  }

  @Test
  void whatCameByNsIsReachedByTheHostAsPrefixToo() {
    upstream.addManifest("both/ways", MANIFEST, "v1");
    client.get("/v2/both/ways/manifests/v1?ns=registry.example");
    int asked = upstream.requests("GET", "both/ways").size();

    assertThat(client.get("/v2/registry.example/both/ways/manifests/v1").bytes())
        .isEqualTo(MANIFEST);
    assertThat(upstream.requests("GET", "both/ways")).hasSize(asked);
  }

  @Test
  void nsMayHaveAPortIfTheConfiguredRegistryHasIt() {
    upstream.addManifest("with/port", MANIFEST, "v1");

    Answered answered = client.get("/v2/with/port/manifests/v1?ns=" + upstream.host());

    assertThat(answered.bytes()).isEqualTo(MANIFEST);
    assertThat(answered.header("OCI-Namespace")).isEqualTo(upstream.host());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "169.254.169.254",
        "UNKNOWN",
        "user:secret@UNKNOWN",
        "UNKNOWN%2fv2",
        "http://UNKNOWN",
        "registry.example%2f..%2fUNKNOWN",
        "registry.example@UNKNOWN",
        "127.0.0.1%00registry.example",
        "xn--rgistry-bya.example",
        "r%C3%A9gistry.example",
        ""
      })
  void anotherNsIsRefusedWithTheSettingToAddAndNeverDialled(String ns) {
    Answered answered =
        client.get("/v2/by/ns/manifests/v1?ns=" + ns.replace("UNKNOWN", unknown.host()));

    assertThat(answered.status()).isEqualTo(404);
    assertThat(answered.text())
        .contains("NAME_UNKNOWN", "no upstream is configured", "upstreams", "registry:");
    assertThat(usual.requests("GET", "by/ns")).isEmpty();
  }

  @Test
  void otherNamesGoToTheDefaultUpstream() {
    usual.addManifest("some/where", MANIFEST, "v1");
    String blob = usual.addBlob("some/where", BLOB);

    assertThat(client.get("/v2/some/where/manifests/v1").bytes()).isEqualTo(MANIFEST);
    assertThat(client.get("/v2/some/where/blobs/" + blob).bytes()).isEqualTo(BLOB);
  }

  @Test
  void withoutADefaultUpstreamOtherNamesAreLocal(@TempDir Path directory) {
    try (CisternServer local =
            CisternServer.start(directory.resolve("data"), "--upstream", "up=" + usual.url());
        TestClient there = new TestClient(local)) {
      usual.addManifest("only/local", MANIFEST, "v1");

      assertThat(there.get("/v2/only/local/manifests/v1").status()).isEqualTo(404);
      assertThat(there.get("/v2/up/only/local/manifests/v1").status()).isEqualTo(200);
      pushImage(there, "only/local");
      assertThat(there.get("/v2/only/local/manifests/v1").status()).isEqualTo(200);
      assertThat(usual.requests("GET", "/v2/only/local")).hasSize(1);
    }
  }

  @Test
  void theUpstreamsOfTheCommandLineAreUsed(@TempDir Path directory) {
    upstream.addManifest("command/line", MANIFEST, "v1");
    try (CisternServer other =
            CisternServer.start(
                directory.resolve("data"),
                "--upstream",
                "up=" + upstream.url(),
                "--default-upstream",
                "up");
        TestClient there = new TestClient(other)) {
      assertThat(there.get("/v2/command/line/manifests/v1").bytes()).isEqualTo(MANIFEST);
    }
  }

  @Test
  void aPushedTagWinsOverTheUpstreams() {
    usual.addManifest("pushed/too", Samples.manifest("the upstream's"), "v1");
    byte[] pushed = pushImage(client, "pushed/too");

    assertThat(client.get("/v2/pushed/too/manifests/v1").bytes()).isEqualTo(pushed);
    assertThat(usual.requests("GET", "pushed/too")).isEmpty();
    assertThat(usual.requests("HEAD", "pushed/too")).isEmpty();
  }

  @Test
  void aTagThatIsPushedOverACachedOneStays() {
    usual.addManifest("pushed/later", MANIFEST, "v1");
    assertThat(client.get("/v2/pushed/later/manifests/v1").bytes()).isEqualTo(MANIFEST);

    byte[] pushed = pushImage(client, "pushed/later");

    assertThat(client.get("/v2/pushed/later/manifests/v1").bytes()).isEqualTo(pushed);
  }

  @Test
  void aRepositoryDoesNotReachTheBlobsOfAnother() {
    String blob = upstream.addBlob("private/one", BLOB);
    client.get("/v2/alias/private/one/blobs/" + blob);

    assertThat(client.get("/v2/alias/private/other/blobs/" + blob).status()).isEqualTo(404);
    assertThat(client.head("/v2/alias/private/other/blobs/" + blob).status()).isEqualTo(404);
    assertThat(client.get("/v2/elsewhere/blobs/" + blob).status()).isEqualTo(404);
  }

  /** Pushes an image to tag v1 of a repository; returns its manifest. */
  private static byte[] pushImage(TestClient client, String repository) {
    byte[] manifest = Samples.manifest("pushed to " + repository);
    assertThat(client.pushBlob(repository, "{}".getBytes(UTF_8)).status()).isEqualTo(201);
    assertThat(client.putManifest("/v2/" + repository + "/manifests/v1", manifest).status())
        .isEqualTo(201);
    return manifest;
  }
}
