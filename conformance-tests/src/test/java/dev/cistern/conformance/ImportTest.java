package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Images that are imported into streams: what is kept, tried again, and said when it fails. */
class ImportTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String WHOLE =
      ",'importPolicy':{'importMode':'PreserveOriginal'},'referencePolicy':{'type':'Local'}";
  private static final String SCHEDULED =
      ",'importPolicy':{'scheduled':true,'importMode':'PreserveOriginal'}";
  private static final String MERGE = "application/merge-patch+json";

  @TempDir Path directory;

  private final Multiplatform one = Multiplatform.of(1);
  private final Multiplatform two = Multiplatform.of(2);
  private final UpstreamRegistry upstream = UpstreamRegistry.start();

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  @SuppressWarnings("NullAway.Init")
  private ApiClient api;

  @BeforeEach
  void prepare() {
    one.addTo(upstream, "org/app", "v1", "latest");
  }

  private void start(String... lines) {
    TestConfig made = new TestConfig(directory).registry("up.example", upstream, "insecure: true");
    for (String line : lines) {
      made.line(line);
    }
    start(made);
  }

  private void start(TestConfig config) {
    server = config.start();
    client = new TestClient(server);
    api = new ApiClient(server);
    api.makeNamespace("team");
  }

  @AfterEach
  void stop() {
    api.close();
    client.close();
    server.close();
    upstream.close();
  }

  private int status(String path) {
    return client.head("/v2/team/app/" + path).status();
  }

  @Test
  void whatIsKeptHereIsPulledWhileTheUpstreamIsAway() {
    start();
    api.importTag("team", "app", "v1", "up.example/org/app:v1", WHOLE);
    String first = "blobs/" + Samples.digest(one.blobs().getFirst());
    assertThat(client.get("/v2/team/app/" + first).bytes()).isEqualTo(one.blobs().getFirst());
    upstream.goAway();

    assertThat(client.get("/v2/team/app/manifests/v1").bytes()).isEqualTo(one.index());
    assertThat(status("manifests/" + one.digest())).isEqualTo(200);
    assertThat(status("manifests/" + one.child(0))).isEqualTo(200);
    assertThat(status("manifests/" + one.child(1))).isEqualTo(200);
    assertThat(status(first)).isEqualTo(200);
    assertThat(status("blobs/" + Samples.digest(one.blobs().get(3)))).isGreaterThanOrEqualTo(500);
    assertThat(completeness()).containsExactly(7, 4);
  }

  @Test
  void withPrefetchEverythingIsHereWhileTheUpstreamIsAway() {
    start();
    api.importTag("team", "app", "v1", "up.example/org/app:v1", WHOLE);
    assertThat(
            api.patch(
                    ApiClient.streams("team") + "/app",
                    MERGE,
                    "{'metadata':{'annotations':{'cistern.dev/prefetch':'all'}}}")
                .status())
        .isEqualTo(200);
    await().atMost(PATIENCE).untilAsserted(() -> assertThat(completeness()).containsExactly(7, 7));
    upstream.goAway();

    for (byte[] blob : one.blobs()) {
      assertThat(client.get("/v2/team/app/blobs/" + Samples.digest(blob)).bytes()).isEqualTo(blob);
    }
  }

  @Test
  void whatIsToBePrefetchedIsSaidForAllStreams() {
    start("imports: {prefetch: [linux/arm64], interval: 1s}");
    upstream.next("GET", "/blobs/" + Samples.digest(one.blobs().get(3)), Answer.status(500));
    api.importTag("team", "app", "v1", "up.example/org/app:v1", WHOLE);

    await().atMost(PATIENCE).untilAsserted(() -> assertThat(completeness()).containsExactly(7, 5));
    assertThat(upstream.requests("GET", "/blobs/" + Samples.digest(one.blobs().get(1)))).isEmpty();
  }

  /** Returns how many parts the image of the tag has, and how many are here. */
  private List<Integer> completeness() {
    JsonNode share =
        api.history("team", "app").getOrDefault("v1", List.of()).getFirst().path("completeness");
    return List.of(share.path("parts").asInt(), share.path("here").asInt());
  }

  @Test
  void aTrialStoresNothing() {
    start();
    ApiClient.Said said =
        api.post(
            ApiClient.IMAGES + "/namespaces/team/imagestreamimports",
            """
            {'metadata':{'name':'app'},'spec':{'import':false,'images':[
             {'from':{'kind':'DockerImage','name':'up.example/org/app:v1'},'to':{'name':'v1'}}]}}
            """);

    assertThat(said.status()).isEqualTo(201);
    assertThat(
            said.json()
                .path("status")
                .path("images")
                .path(0)
                .path("image")
                .path("metadata")
                .path("name")
                .asString())
        .isEqualTo(one.child(0));
    assertThat(api.get(ApiClient.streams("team") + "/app").status()).isEqualTo(404);
    assertThat(api.images()).isEmpty();
  }

  @Test
  void afterAFailureWhatWasThereIsPulledAndTheReasonIsSaidUntilItSucceeds() {
    start();
    api.importTag("team", "app", "v1", "up.example/org/app:v1", WHOLE);
    two.addTo(upstream, "org/app", "v2");

    JsonNode failed = api.importTag("team", "app", "v1", "up.example/org/app:v3", WHOLE);

    JsonNode status = failed.path("status").path("images").path(0).path("status");
    assertThat(status.path("reason").asString()).isEqualTo("NotFound");
    assertThat(status.path("message").asString())
        .isEqualTo("dockerimage.image.openshift.io \"up.example/org/app:v3\" not found");
    JsonNode condition = api.conditions("team", "app", "v1").getFirst();
    assertThat(condition.path("type").asString()).isEqualTo("ImportSuccess");
    assertThat(condition.path("status").asString()).isEqualTo("False");
    assertThat(condition.path("reason").asString()).isEqualTo("NotFound");
    assertThat(client.get("/v2/team/app/manifests/v1").bytes()).isEqualTo(one.index());

    api.importTag("team", "app", "v1", "up.example/org/app:v2", WHOLE);
    assertThat(api.conditions("team", "app", "v1")).isEmpty();
    assertThat(api.latest("team", "app", "v1")).isEqualTo(two.digest());
    assertThat(api.history("team", "app").getOrDefault("v1", List.of())).hasSize(2);
    assertThat(status("manifests/" + one.digest())).isEqualTo(200);
  }

  @Test
  void oneChildThatIsMissingFailsTheTag() {
    start();
    upstream.always("GET", one.child(1), Answer.status(404));

    JsonNode said = api.importTag("team", "app", "v1", "up.example/org/app:v1", WHOLE);

    assertThat(said.path("status").path("images").path(0).has("image")).isFalse();
    assertThat(api.conditions("team", "app", "v1")).hasSize(1);
    assertThat(api.latest("team", "app", "v1")).isEmpty();
  }

  @Test
  void ofAnIndexOfWhichOneImageIsTakenNothingElseIsKept() {
    start();
    api.importTag("team", "app", "v1", "up.example/org/app:v1", "");
    upstream.goAway();

    assertThat(api.latest("team", "app", "v1")).isEqualTo(one.child(0));
    assertThat(status("manifests/v1")).isEqualTo(200);
    assertThat(status("manifests/" + one.digest())).isGreaterThanOrEqualTo(500);
  }

  @Test
  void whatATagOfAMirrorNamesComesFromTheMirrorToo() {
    one.addTo(upstream, "mirrored/app", "v1");
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put(
        "itms.yaml",
        ObjectFiles.itms(
            "source.example/org", "up.example/mirrored", "mirrorSourcePolicy: NeverContactSource"));
    start("resources: [" + objects.directory() + "]");

    JsonNode said = api.importTag("team", "app", "v1", "source.example/org/app:v1", WHOLE);

    assertThat(said.path("status").path("images").path(0).path("status").path("status").asString())
        .isEqualTo("Success");
    assertThat(api.latest("team", "app", "v1")).isEqualTo(one.digest());
    assertThat(api.images()).contains(one.child(0), one.child(1));
  }

  @Test
  void registriesThatAreNotKnownAreNotDialled() {
    start();
    try (UpstreamRegistry other = UpstreamRegistry.start()) {
      JsonNode said = api.importTag("team", "app", "v1", other.host() + "/org/app:v1", "");

      JsonNode status = said.path("status").path("images").path(0).path("status");
      assertThat(status.path("reason").asString()).isEqualTo("Forbidden");
      assertThat(status.path("message").asString()).contains(other.host(), "is not known here");
      assertThat(other.requests()).isEmpty();
    }
  }

  @Test
  void ofARepositorySoManyTagsAreImportedAndTheRestNamed() {
    start("imports: {mostTags: 2}");
    two.addTo(upstream, "org/app", "v1.10", "v1.9", "zeta", "alpha");

    ApiClient.Said said =
        api.post(
            ApiClient.IMAGES + "/namespaces/team/imagestreamimports",
            """
            {'metadata':{'name':'app'},'spec':{'import':true,'repository':
             {'from':{'kind':'DockerImage','name':'up.example/org/app'}}}}
            """);

    JsonNode repository = said.json().path("status").path("repository");
    assertThat(repository.path("images").valueStream().map(one -> one.path("tag").asString()))
        .containsExactly("latest", "v1.10");
    assertThat(repository.path("additionalTags").valueStream().map(JsonNode::asString))
        .containsExactly("v1.9", "alpha", "v1", "zeta");
  }

  /** Gives the namespace a pull secret with this docker configuration, with ' for ". */
  private void makeSecret(String dockerConfig) {
    ApiClient.Said said =
        api.post(
            "/api/v1/namespaces/team/secrets",
            "{'metadata':{'name':'pull'},'type':'kubernetes.io/dockerconfigjson',"
                + "'stringData':{'.dockerconfigjson':'"
                + dockerConfig.replace("'", "\\\"")
                + "'}}");
    assertThat(said.status()).as(said.message()).isEqualTo(201);
  }

  @Test
  void theHelpersThatASecretNamesAreNotRun() throws IOException {
    Path trap = directory.resolve("docker-credential-trap");
    Path ran = directory.resolve("ran");
    Files.writeString(trap, "#!/bin/sh\ntouch " + ran + "\n");
    assertThat(trap.toFile().setExecutable(true)).isTrue();
    start(
        new TestConfig(directory)
            .registry("up.example", upstream, "insecure: true")
            .environment("PATH", directory + ":" + System.getenv("PATH")));
    makeSecret("{'credsStore':'trap'}");

    api.importTag("team", "app", "v1", "up.example/org/app:v1", "");

    assertThat(ran).doesNotExist();
  }

  @Test
  void anImportThatTakesUnverifiedTlsShowsNobodysCredentialsButTheNamespaces() {
    TestIdentity identity = TestIdentity.make(directory);
    Path known = directory.resolve("known.json");
    ObjectFiles.replace(known, ObjectFiles.dockerConfig("robot", "s3cret", "up.example"));
    String insecure = ",'importPolicy':{'insecure':true}";
    try (UpstreamRegistry secure = UpstreamRegistry.startTls(identity)) {
      one.addTo(secure, "org/app", "v1");
      secure.demand(TokenService.basic("robot", "s3cret"), Answer.basicChallenge());
      start(
          new TestConfig(directory)
              .registry(
                  "up.example", secure, "caFile: " + identity.caFile(), "credentials: " + known));

      api.importTag("team", "app", "v1", "up.example/org/app:v1", insecure);

      assertThat(api.conditions("team", "app", "v1")).hasSize(1);
      assertThat(secure.requests())
          .isNotEmpty()
          .allSatisfy(one -> assertThat(one.header("authorization")).isEmpty());
      api.importTag("team", "app", "v2", "up.example/org/app:v1", "");
      assertThat(api.latest("team", "app", "v2")).isEqualTo(one.child(0));
      makeSecret("{'auths':{'up.example':{'auth':'cm9ib3Q6czNjcmV0'}}}");
      api.importTag("team", "app", "v3", "up.example/org/app:v1", insecure);
      assertThat(api.latest("team", "app", "v3")).isEqualTo(one.child(0));
    }
  }

  @Test
  void theSecretsOfTheNamespaceAreForItsImportsOnly() {
    start();
    upstream.demand(TokenService.basic("robot", "s3cret"), Answer.basicChallenge());
    makeSecret("{'auths':{'up.example':{'auth':'cm9ib3Q6czNjcmV0'}}}");

    api.importTag("team", "app", "v1", "up.example/org/app:v1", "");
    JsonNode other = api.importTag("default", "app", "v1", "up.example/org/app:v1", "");

    assertThat(api.latest("team", "app", "v1")).isEqualTo(one.child(0));
    JsonNode status = other.path("status").path("images").path(0).path("status");
    assertThat(status.path("reason").asString()).isEqualTo("Unauthorized");
    assertThat(status.path("message").asString())
        .isEqualTo("you may not have access to the container image \"up.example/org/app:v1\"");
  }

  @Test
  void scheduledTagsFollowTheirUpstreamAndCostAHeadEach() {
    start("imports: {interval: 1s, perMinute: 6000}");
    api.importTag("default", "app", "v1", "up.example/org/app:v1", SCHEDULED);
    upstream.forget();
    await().atMost(PATIENCE).until(() -> upstream.requests("HEAD", "/manifests/v1").size() >= 2);
    assertThat(upstream.requests("GET", "/manifests/")).isEmpty();

    two.addTo(upstream, "org/app", "v1");
    await().atMost(PATIENCE).until(() -> api.latest("default", "app", "v1").equals(two.digest()));

    upstream.goAway();
    await().atMost(PATIENCE).until(() -> !api.conditions("default", "app", "v1").isEmpty());
    assertThat(client.head("/v2/default/app/manifests/v1").status()).isEqualTo(200);
    upstream.comeBack();
    await().atMost(PATIENCE).until(() -> api.conditions("default", "app", "v1").isEmpty());
    assertThat(client.get("/metrics").text()).contains("cistern_imports_scheduled 1.0");
  }

  @Test
  void aScheduledTagThatIsPushedOverIsWhatItsUpstreamSaysAgain() {
    start("imports: {interval: 1s, perMinute: 6000}");
    api.importTag("team", "app", "v1", "up.example/org/app:v1", SCHEDULED);
    two.addTo(upstream, "org/app", "v1");
    await().atMost(PATIENCE).until(() -> api.latest("team", "app", "v1").equals(two.digest()));

    two.blobs().forEach(blob -> client.pushBlob("team/app", blob));
    byte[] pushed = two.children().getFirst();
    assertThat(client.putManifest("/v2/team/app/manifests/v1", pushed).status()).isEqualTo(201);

    await().atMost(PATIENCE).until(() -> api.latest("team", "app", "v1").equals(two.digest()));
    assertThat(client.get("/v2/team/app/manifests/v1").bytes()).isEqualTo(two.index());
  }

  @Test
  void aPushedTagThatIsImportedOverIsGoneForGood() {
    start();
    one.blobs().forEach(blob -> client.pushBlob("team/app", blob));
    byte[] pushed = one.children().getFirst();
    assertThat(client.putManifest("/v2/team/app/manifests/v1", pushed).status()).isEqualTo(201);
    two.addTo(upstream, "org/app", "v2");
    api.importTag("team", "app", "v1", "up.example/org/app:v2", WHOLE);
    assertThat(client.get("/v2/team/app/manifests/v1").bytes()).isEqualTo(two.index());

    assertThat(client.delete("/v2/team/app/manifests/" + two.digest()).status()).isEqualTo(202);

    assertThat(client.get("/v2/team/app/manifests/v1").status()).isEqualTo(404);
  }

  @Test
  void theScheduleGoesOnAfterAKill() {
    start("imports: {interval: 1s, perMinute: 6000}");
    api.importTag("default", "app", "v1", "up.example/org/app:v1", SCHEDULED);
    server.kill();
    two.addTo(upstream, "org/app", "v1");
    api.close();
    client.close();

    start("imports: {interval: 1s, perMinute: 6000}");

    await().atMost(PATIENCE).until(() -> api.latest("default", "app", "v1").equals(two.digest()));
  }

  @Test
  void aPushMakesAStreamAndMovesItsTag() {
    start();
    for (byte[] blob : one.blobs()) {
      assertThat(client.pushBlob("team/pushed", blob).status()).isEqualTo(201);
    }
    String path = "/v2/team/pushed/manifests/v1";
    assertThat(client.putManifest(path, one.children().get(0)).status()).isEqualTo(201);
    assertThat(api.latest("team", "pushed", "v1")).isEqualTo(one.child(0));

    assertThat(client.putManifest(path, one.children().get(1)).status()).isEqualTo(201);

    JsonNode stream = api.get(ApiClient.streams("team") + "/pushed").json();
    assertThat(stream.path("spec").has("tags")).isFalse();
    assertThat(
            api.history("team", "pushed").getOrDefault("v1", List.of()).stream()
                .map(item -> item.path("image").asString()))
        .containsExactly(one.child(1), one.child(0));
    assertThat(api.images()).containsExactlyInAnyOrder(one.child(0), one.child(1));
  }

  @Test
  void aKillAtAnyMomentLeavesAStreamWithAllThatItNames() {
    for (int round = 0; round < 4; round++) {
      Multiplatform image = Multiplatform.of(100 + round);
      String repository = "org/kill" + round;
      image.addTo(upstream, repository, "v1");
      start();
      CisternServer running = server;
      String name = "kill" + round;
      int moment = round;
      upstream.always(
          received -> {
            boolean isMoment =
                received.is("GET", "/v2/" + repository + "/manifests/" + killer(image, moment));
            if (isMoment) {
              running.kill();
            }
            return isMoment;
          },
          new Answer.Healthy());
      try {
        api.importTag("team", name, "v1", "up.example/" + repository + ":v1", WHOLE);
      } catch (AssertionError killed) {
        // No answer: it was killed.
      }
      upstream.heal();
      running.kill();
      api.close();
      client.close();

      start();
      List<JsonNode> items = api.history("team", name).getOrDefault("v1", List.of());
      for (JsonNode item : items) {
        assertThat(api.images()).contains(item.path("image").asString(), image.child(0));
      }
      api.importTag("team", name, "v1", "up.example/" + repository + ":v1", WHOLE);
      assertThat(api.latest("team", name, "v1")).isEqualTo(image.digest());
      server.close();
      api.close();
      client.close();
    }
    start();
  }

  /** Returns the manifest at whose request the server is killed. */
  private static String killer(Multiplatform image, int moment) {
    return switch (moment) {
      case 0 -> "v1";
      case 1 -> image.child(0);
      case 2 -> image.child(1);
      default -> "never";
    };
  }
}
