package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Mirror sets as a cluster has them, in force for what this server pulls and for who pulls here.
 */
class MirrorSetsTest {
  private static final String SELF = "mirror.example:5000";
  private static final String APP = "team/app";
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @TempDir Path directory;

  private final UpstreamRegistry source = UpstreamRegistry.start();
  private final UpstreamRegistry other = UpstreamRegistry.start();
  private final byte[] layer = Samples.bytes(100_000, 7);
  private final byte[] manifest = Samples.manifestOf(List.of(layer));
  private final String digest = Samples.digest(manifest);
  private final String blob = Samples.digest(layer);

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  /** Started by each test, when its objects are there. */
  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  @BeforeEach
  void fill() {
    objects = new ObjectFiles(directory.resolve("objects"));
    for (UpstreamRegistry registry : List.of(source, other)) {
      registry.addBlob(APP, layer);
      registry.addManifest(APP, manifest, "v1");
    }
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    source.close();
    other.close();
  }

  @Test
  void byAnIdmsADigestIsFilledFromTheSourceAndATagIsWhatWasPushed() {
    objects.put("idms.yaml", ObjectFiles.idms("source.example/team", SELF + "/copies", ""));
    start();

    assertThat(client.get("/v2/copies/app/manifests/" + digest).bytes()).isEqualTo(manifest);
    assertThat(client.get("/v2/copies/app/blobs/" + blob).bytes()).isEqualTo(layer);
    assertThat(client.get("/v2/copies/app/manifests/v1").status()).isEqualTo(404);
    assertThat(source.requests("GET", "/manifests/v1")).isEmpty();

    push("copies/app", "v1");
    assertThat(client.get("/v2/copies/app/manifests/v1").bytes()).isEqualTo(manifest);
  }

  @Test
  void byAnItmsATagIsFilledAndWhatItLeadsTo() {
    objects.put("itms.yaml", ObjectFiles.itms("source.example/team", SELF + "/copies", ""));
    start();

    assertThat(client.get("/v2/copies/app/manifests/" + digest).status()).isEqualTo(404);
    assertThat(client.get("/v2/copies/app/blobs/" + blob).status()).isEqualTo(404);
    assertThat(client.get("/v2/copies/app/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(client.get("/v2/copies/app/blobs/" + blob).bytes()).isEqualTo(layer);
  }

  @Test
  void aTagThatWasPushedHereWinsOverTheSources() {
    objects.put("itms.yaml", ObjectFiles.itms("source.example/team", SELF + "/copies", ""));
    start();
    push("copies/app", "v1");

    assertThat(client.get("/v2/copies/app/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(source.requests()).isEmpty();
  }

  @Test
  void underNeverContactSourceTheOtherMirrorsServeAndTheSourceSeesNothing() {
    objects.put(
        "idms.yaml",
        ObjectFiles.idms(
            "source.example/team",
            SELF + "/copies, other.example/team",
            "mirrorSourcePolicy: NeverContactSource"));
    start();

    assertThat(client.get("/v2/copies/app/manifests/" + digest).status()).isEqualTo(200);
    other.goAway();
    String unknown = Samples.digest(new byte[] {1});
    assertThat(client.get("/v2/copies/app/manifests/" + unknown).status()).isEqualTo(502);
    assertThat(source.requests()).isEmpty();
  }

  @Test
  void mirrorsAreTriedInOrderBeforeTheSource() {
    objects.put(
        "idms.yaml",
        ObjectFiles.idms("source.example/team", "gone.example:1/team, other.example/empty", ""));
    start();

    TestClient.Answered answered = client.get("/v2/source.example/team/app/manifests/" + digest);
    assertThat(answered.status()).isEqualTo(200);
    assertThat(answered.cacheStatus())
        .contains("gone.example:1: unknown host", "other.example: it answered 404");
    assertThat(client.get("/metrics").text())
        .contains(
            "cistern_upstream_answers_total{outcome=\"missing\",upstream=\"other.example\"}",
            "cistern_upstream_answers_total{outcome=\"found\",upstream=\"source.example\"}");
    assertThat(server.log()).anyMatch(line -> line.contains("reason=\"gone.example:1: unknown"));
    assertThat(other.requests("GET", "/v2/empty/app/manifests/" + digest)).isNotEmpty();
    assertThat(source.requests("GET", "/v2/team/app/manifests/" + digest)).hasSize(1);
  }

  /** The first of the mirrors speaks no TLS, though it is not marked insecure. */
  @ParameterizedTest
  @ValueSource(ints = {401, 403, 404, 500, 503})
  void anyErrorOfAMirrorMovesOnToTheNext(int status) {
    try (UpstreamRegistry plain = UpstreamRegistry.start()) {
      other.always("GET", "/v2/", Answer.status(status));
      objects.put(
          "idms.yaml",
          ObjectFiles.idms("source.example/team", plain.host() + "/team, other.example/team", ""));
      start();

      TestClient.Answered answered = client.get("/v2/source.example/team/app/manifests/" + digest);
      assertThat(answered.status()).isEqualTo(200);
      assertThat(plain.connections()).isPositive();
      assertThat(other.requests()).isNotEmpty();
      assertThat(source.requests("GET", "/v2/team/app/manifests/" + digest)).hasSize(1);
    }
  }

  @Test
  void theMostSpecificSourceWinsAlone() {
    objects.put("wide.yaml", ObjectFiles.idms("source.example", "other.example", ""));
    objects.put(
        "narrow.yaml", ObjectFiles.idms("source.example/team/app", "other.example/empty", ""));
    start();

    assertThat(client.get("/v2/source.example/team/app/manifests/" + digest).status())
        .isEqualTo(200);
    assertThat(other.requests("GET", "/v2/team/app/")).isEmpty();
    assertThat(source.requests("GET", "/v2/team/app/manifests/")).hasSize(1);
  }

  @Test
  void aRegistryThatOnlyARuleNamesIsKnown() {
    objects.put("idms.yaml", ObjectFiles.idms("unlisted.example/team", "other.example/team", ""));
    start();

    assertThat(client.get("/v2/team/app/manifests/" + digest + "?ns=unlisted.example").status())
        .isEqualTo(200);
    assertThat(client.get("/v2/team/app/manifests/" + digest + "?ns=else.example").status())
        .isEqualTo(404);
  }

  @Test
  void whatWasPushedToAMirrorHereServesTheSourcesName() {
    objects.put(
        "idms.yaml",
        ObjectFiles.idms(
            "source.example/team",
            SELF + "/copies/team",
            "mirrorSourcePolicy: NeverContactSource"));
    start();
    push("copies/team/app", "v9");

    String name = "/v2/team/app/manifests/" + digest + "?ns=source.example";
    assertThat(client.get(name).bytes()).isEqualTo(manifest);
    // containerd puts the path of its hosts.toml before the name
    String below = "/v2/copies/team/app/manifests/" + digest + "?ns=source.example";
    assertThat(client.get(below).bytes()).isEqualTo(manifest);
    assertThat(client.get("/v2/copies/team/app/blobs/" + blob + "?ns=source.example").bytes())
        .isEqualTo(layer);
    assertThat(source.requests()).isEmpty();
  }

  @Test
  void changedFilesAreInForceAndABadOneLeavesTheRest() {
    objects.put("idms.yaml", ObjectFiles.idms("source.example/team", SELF + "/copies", ""));
    start();
    assertThat(client.get("/v2/copies/app/manifests/" + digest).status()).isEqualTo(200);

    objects.put("bad.yaml", ObjectFiles.idms("source.example/team", "http://no", ""));
    objects.put("more.yaml", ObjectFiles.itms("source.example/team", SELF + "/tags", ""));
    await().atMost(PATIENCE).until(() -> client.get("/v2/tags/app/manifests/v1").status() == 200);
    assertThat(String.join("\n", server.log())).contains("bad.yaml:8: spec.imageDigestMirrors[0]");

    objects.delete("more.yaml");
    await().atMost(PATIENCE).until(() -> client.get("/v2/tags/app2/manifests/v1").status() == 404);
  }

  @Test
  void whySaysByWhichRule() {
    objects.put("idms.yaml", ObjectFiles.idms("source.example/team", SELF + "/copies", ""));
    start();

    String why = client.get("/admin/why?ref=copies/app:v1").text();
    assertThat(why).contains("it mirrors source.example/team/app (digest-only)");
  }

  private void start() {
    server =
        new TestConfig(directory)
            .registry("source.example", source, "insecure: true")
            .registry("other.example", other, "insecure: true")
            .line("names: [\"" + SELF + "\"]")
            .line("absence: 1ms")
            .line("resources: [" + objects.directory() + "]")
            .start();
    client = new TestClient(server);
  }

  private void push(String repository, String tag) {
    assertThat(client.pushBlob(repository, layer).status()).isEqualTo(201);
    assertThat(client.putManifest("/v2/" + repository + "/manifests/" + tag, manifest).status())
        .isEqualTo(201);
  }
}
