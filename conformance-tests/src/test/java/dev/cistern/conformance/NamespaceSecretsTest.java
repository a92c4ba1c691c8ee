package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Secrets of namespaces, which come before the global one, and what is pulled with them. */
class NamespaceSecretsTest {
  private static final String SELF = "here.example";
  private static final String HOST = "source.example";
  private static final String BLUE = "blue-robot";
  private static final String ALL = "everybodys-robot";
  private static final String SECRET = "s3cret";
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path directory;

  private final UpstreamRegistry upstream = UpstreamRegistry.start();
  private final byte[] layer = Samples.bytes(100_000, 7);
  private final byte[] manifest = Samples.manifestOf(List.of(layer));

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  @BeforeEach
  void start() {
    upstream.addBlob("team/app", layer);
    upstream.addManifest("team/app", manifest, "v1");
    objects = new ObjectFiles(directory.resolve("objects"));
    objects.put(
        "itms.yaml",
        ObjectFiles.itms(HOST + "/team/app", SELF + "/blue/app, " + SELF + "/green/app", ""));
    objects.put("global.yaml", ObjectFiles.pullSecret(config(ALL)));
    objects.put("blue.yaml", ObjectFiles.secret("blue", "of-blue", config(BLUE)));
    server =
        new TestConfig(directory)
            .registry(HOST, upstream, "insecure: true")
            .line("names: [" + SELF + "]")
            .line("absence: 1ms")
            .line("resources: [" + objects.directory() + "]")
            .start();
    client = new TestClient(server);
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    upstream.close();
    assertThat(String.join("\n", server.log())).doesNotContain(SECRET);
  }

  @Test
  void aNamespacesOwnSecretComesBeforeTheGlobalOne() {
    only(BLUE);
    assertThat(manifest("blue").bytes()).isEqualTo(manifest);
    assertThat(client.get("/v2/green/app/manifests/v1").status()).isEqualTo(403);

    only(ALL);
    assertThat(manifest("green").bytes()).isEqualTo(manifest);
  }

  @Test
  void whatOneNamespacePulledIsNotGivenToAnotherThatMayNot() {
    only(BLUE);
    manifest("blue");
    String blob = "/blobs/" + Samples.digest(layer);
    assertThat(client.get("/v2/blue/app" + blob).bytes()).isEqualTo(layer);

    for (String path : List.of("/manifests/v1", "/manifests/" + Samples.digest(manifest), blob)) {
      assertThat(client.get("/v2/green/app" + path).status()).as(path).isIn(403, 404);
    }
  }

  @Test
  void theGlobalSecretServesANamespaceWhoseOwnIsGone() {
    only(ALL);
    assertThat(client.get("/v2/blue/app/manifests/v1").status()).isEqualTo(403);

    objects.delete("blue.yaml");
    await().atMost(PATIENCE).until(() -> isLogged("changed rules and secrets are in force"));
    assertThat(manifest("blue").bytes()).isEqualTo(manifest);
  }

  @Test
  void ofSeveralSecretsOfANamespaceTheFirstNameWithAMatchServes() {
    objects.put(
        "another.yaml",
        ObjectFiles.secret("blue", "a-first", ObjectFiles.dockerConfig("a", SECRET, HOST)));
    await().atMost(PATIENCE).until(() -> isLogged("changed rules and secrets are in force"));
    only("a");

    assertThat(manifest("blue").bytes()).isEqualTo(manifest);
  }

  @Test
  void whyNamesTheEntryAndTheLastOutcomeNeverTheSecret() {
    only(BLUE);
    client.get("/v2/green/app/manifests/v1");

    assertThat(why("blue"))
        .contains(BLUE + ":*** of " + HOST + " in secret blue/of-blue")
        .doesNotContain("\"last\"", SECRET);
    assertThat(why("green"))
        .contains(ALL + ":*** of " + HOST + " in secret openshift-config/pull-secret")
        .contains("\"last\":{\"when\":", "it answered 401")
        .doesNotContain(SECRET);
  }

  private String why(String namespace) {
    return client.get("/admin/why?ref=" + namespace + "/app:v1").text();
  }

  private Answered manifest(String namespace) {
    Answered answered = client.get("/v2/" + namespace + "/app/manifests/v1");
    assertThat(answered.status()).as(answered.text()).isEqualTo(200);
    return answered;
  }

  private void only(String user) {
    upstream.heal();
    upstream.demand(TokenService.basic(user, SECRET), Answer.basicChallenge());
  }

  private static String config(String user) {
    return ObjectFiles.dockerConfig(user, SECRET, HOST);
  }

  private boolean isLogged(String part) {
    return server.log().stream().anyMatch(line -> line.contains(part));
  }
}
