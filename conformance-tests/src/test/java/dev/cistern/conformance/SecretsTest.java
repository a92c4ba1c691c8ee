package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The global pull secret, in all its forms, rotated while the server runs. */
class SecretsTest {
  private static final String USER = "robot";
  private static final String OLD = "s3cret-of-yesterday";
  private static final String NEW = "s3cret-of-today";
  private static final String HOST = "source.example";
  private static final String IN_FORCE = "changed rules and secrets are in force";
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path directory;

  private final UpstreamRegistry upstream = UpstreamRegistry.start();
  private final byte[] layer = Samples.bytes(3_000_000, 5);
  private final byte[] manifest = Samples.manifestOf(List.of(layer));

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  /** Started by each test, when its secret is there. */
  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  /** How the server is given the secret. */
  enum Form {
    DOCKER_CONFIG,
    MANIFEST,
    OBJECT,
    UPSTREAMS_OWN
  }

  @BeforeEach
  void fill() {
    objects = new ObjectFiles(directory.resolve("objects"));
    for (String repository : List.of("team/app", "team/other")) {
      upstream.addBlob(repository, layer);
      upstream.addManifest(repository, manifest, "v1");
    }
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    upstream.close();
    assertThat(String.join("\n", server.log())).satisfies(SecretsTest::hasNoSecret);
  }

  @ParameterizedTest
  @EnumSource(Form.class)
  void aRotatedSecretIsUsedWithoutARestartAndDisturbsNothing(Form form) {
    var gate = new CountDownLatch(1);
    upstream.always("GET", "/v2/team/app/blobs/", new Answer.HeldInBody(1_000_000, gate));
    upstream.demand(TokenService.basic(USER, OLD), Answer.basicChallenge());
    write(form, config(OLD));
    start(form);
    String blob = "/v2/source.example/team/app/blobs/" + Samples.digest(layer);

    try (Download slow = Download.begin(server, blob)) {
      byte[] first = slow.first(1000);
      assertThat(first).isEqualTo(Arrays.copyOf(layer, first.length));
      upstream.heal();
      upstream.demand(TokenService.basic(USER, NEW), Answer.basicChallenge());
      assertIsDenied("v1");

      write(form, config(NEW));
      awaitChanges(1);
      assertIsGiven("v1");
      gate.countDown();
      assertThat(slow.finish(layer)).matches(Outcome::isExact);
    }
    assertThat(lines("serving address")).hasSize(1);
    assertThat(lines(" ERROR ")).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(Form.class)
  void aSecretThatCannotBeReadIsNamedAndTheOneBeforeStays(Form form) {
    upstream.demand(TokenService.basic(USER, OLD), Answer.basicChallenge());
    write(form, config(OLD));
    start(form);

    write(form, "{\"auths\": {\"" + HOST + "\": {\"auth\": \"" + NEW);
    await().atMost(PATIENCE).until(() -> !lines("refused, what it said before stays").isEmpty());
    assertThat(lines("refused, what it said before stays"))
        .singleElement()
        .asString()
        .contains(file(form).toString(), "not JSON");
    assertIsGiven("v1");
  }

  @Test
  void aTokenOfTheOldSecretIsNotUsedForWhatTheNewOneIsFor() {
    upstream.tokens().only(USER, OLD);
    upstream.demandToken(upstream.tokens(), upstream.url() + "/token");
    write(Form.OBJECT, config(OLD));
    start(Form.OBJECT);
    assertIsGiven("v1");

    upstream.tokens().only(USER, NEW);
    upstream.tokens().revoke();
    assertIsDenied("absent");
    write(Form.OBJECT, config(NEW));
    awaitChanges(1);
    assertThat(client.get("/v2/source.example/team/other/manifests/absent").status())
        .isEqualTo(404);
  }

  @Test
  void aBadEntryIsWarnedOfAndTheOthersWork() {
    upstream.demand(TokenService.basic(USER, OLD), Answer.basicChallenge());
    write(
        Form.DOCKER_CONFIG,
        config(OLD).replace("{\"auths\":{", "{\"auths\":{\"bad.example\":{\"auth\":\"s3cret!\"},"));
    start(Form.DOCKER_CONFIG);

    String warning = file(Form.DOCKER_CONFIG) + ": auths.bad.example.auth is not base64";
    assertThat(lines(warning)).singleElement().asString().contains(" WARN ");
    assertIsGiven("v1");

    write(Form.DOCKER_CONFIG, config(OLD));
    awaitChanges(1);
    assertThat(lines(warning)).hasSize(1);
    write(
        Form.DOCKER_CONFIG,
        config(OLD).replace("{\"auths\":{", "{\"auths\":{\"worse.example\":{\"auth\":\"!\"},"));
    awaitChanges(2);
    assertThat(lines("auths.worse.example.auth is not base64")).hasSize(1);
    assertThat(lines(" ERROR ")).isEmpty();
  }

  private void start(Form form) {
    String own = form == Form.UPSTREAMS_OWN ? "credentials: " + file(form) : "digestOnly: false";
    TestConfig config =
        new TestConfig(directory)
            .registry(HOST, upstream, "insecure: true", own)
            .line("absence: 1ms")
            .line("resources: [" + objects.directory() + "]");
    boolean isFile = form == Form.DOCKER_CONFIG || form == Form.MANIFEST;
    server = (isFile ? config.line("pullSecret: " + file(form)) : config).start();
    client = new TestClient(server);
  }

  private void write(Form form, String dockerConfig) {
    ObjectFiles.replace(
        file(form),
        form == Form.DOCKER_CONFIG || form == Form.UPSTREAMS_OWN
            ? dockerConfig
            : ObjectFiles.pullSecret(dockerConfig));
  }

  private Path file(Form form) {
    return switch (form) {
      case DOCKER_CONFIG, UPSTREAMS_OWN -> directory.resolve("config.json");
      case MANIFEST -> directory.resolve("secret.yaml");
      case OBJECT -> objects.directory().resolve("secret.yaml");
    };
  }

  private static String config(String password) {
    return ObjectFiles.dockerConfig(USER, password, HOST);
  }

  private void awaitChanges(int count) {
    await().atMost(PATIENCE).until(() -> lines(IN_FORCE).size(), found -> found >= count);
  }

  private void assertIsGiven(String tag) {
    Answered answered = client.get("/v2/source.example/team/other/manifests/" + tag);
    assertThat(answered.status()).as(answered.text()).isEqualTo(200);
    assertThat(answered.bytes()).isEqualTo(manifest);
  }

  private void assertIsDenied(String tag) {
    Answered answered = client.get("/v2/source.example/team/other/manifests/" + tag);
    assertThat(answered.status()).as(answered.text()).isEqualTo(403);
    assertThat(answered.text())
        .contains("DENIED", HOST, "credentials")
        .satisfies(SecretsTest::hasNoSecret);
  }

  private List<String> lines(String part) {
    return server.log().stream().filter(line -> line.contains(part)).toList();
  }

  private static void hasNoSecret(String text) {
    assertThat(text).doesNotContain("s3cret", "Basic ", "Bearer ", "token-1");
  }
}
