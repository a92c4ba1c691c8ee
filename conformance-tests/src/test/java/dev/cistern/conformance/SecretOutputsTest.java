package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Looks for secrets in all that a server says: answers and errors, why, metrics, log and audit. */
class SecretOutputsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Pattern TOKEN = Pattern.compile("_?token\":\"([^\"]+)\"");
  private static final String HOST = "source.example";
  private static final String FORM = "application/x-www-form-urlencoded";
  private static final String PULL_SECRET = "robots-s3cret";
  private static final String OTHER_PASSWORD = "mistyped-s3cret";
  private static final String OTHER_TOKEN = "of-another-registry-s3cret";

  @TempDir Path directory;

  private final List<String> secrets = new ArrayList<>();
  private final List<Answered> answers = new ArrayList<>();

  @Test
  void noSecretIsInAnythingThatIsSaid() throws IOException {
    byte[] manifest = Samples.manifest("private");
    var objects = objects();
    ObjectFiles.replace(directory.resolve("users"), ALICE.line() + BOB.line());
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      upstream.addManifest("team/app", manifest, "v1");
      upstream.tokens().only("robot", PULL_SECRET);
      upstream.demandToken(upstream.tokens(), upstream.url() + "/token");
      try (CisternServer server = server(objects, upstream)) {
        use(server);
        spoil(server, objects);
        upstream.demand("nobody's", Answer.basicChallenge());
        ask(ALICE.client(server), "/v2/source.example/team/app/manifests/v2");
        ask(ALICE.client(server), "/admin/why?ref=source.example/team/app:v2");
        ask(ALICE.client(server), "/metrics");
        await().atMost(PATIENCE).until(() -> isLogged(server, "\"audit\":\"denied\""));
        learn();
        assertThat(upstream.requests())
            .anyMatch(request -> request.header("authorization").isPresent())
            .noneMatch(request -> request.toString().contains(OTHER_TOKEN));

        assertThat(secrets).hasSizeGreaterThan(20).allSatisfy(secret -> hidden(server, secret));
      }
    }
  }

  private ObjectFiles objects() {
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("admin.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    objects.put("bob.yaml", ObjectFiles.binding("project", "registry-editor", "User", "bob"));
    objects.put(
        "secret.yaml",
        ObjectFiles.pullSecret(ObjectFiles.dockerConfig("robot", PULL_SECRET, HOST)));
    return objects;
  }

  private CisternServer server(ObjectFiles objects, UpstreamRegistry upstream) {
    return new TestConfig(directory)
        .registry(HOST, upstream, "insecure: true")
        .line("absence: 1ms")
        .line("resources: [" + objects.directory() + "]")
        .line("access: {users: " + directory.resolve("users") + ", anonymous: none}")
        .start();
  }

  /** Does what users and administrators do, rightly and wrongly, and keeps what is answered. */
  private void use(CisternServer server) {
    String image = "/v2/source.example/team/app/manifests/v1";
    for (TestClient client :
        List.of(
            ALICE.client(server),
            BOB.client(server),
            TestClient.as(server, "bob", OTHER_PASSWORD),
            TestClient.as(server, OTHER_TOKEN, OTHER_PASSWORD),
            TestClient.with(server, OTHER_TOKEN),
            TestClient.with(server, "eyJhbGciOiJub25lIn0." + OTHER_TOKEN + ".x"),
            new TestClient(server))) {
      for (String path :
          List.of(
              "/v2/",
              image,
              image,
              "/v2/_catalog",
              "/admin/why?ref=source.example/team/app:v1",
              "/metrics",
              "/token?offline_token=true&scope=repository:project/app:pull,push")) {
        answers.add(client.get(path));
      }
      answers.add(client.pushBlob("project/app", Samples.bytes(100, 1)));
      answers.add(client.putManifest("/v2/project/app/manifests/v1", Samples.manifest("one")));
      answers.add(client.delete("/v2/project/app/manifests/v1"));
      answers.add(
          client.post(
              "/token", FORM, "grant_type=password&username=bob&password=" + OTHER_PASSWORD));
      answers.add(
          client.post("/token", FORM, "grant_type=refresh_token&refresh_token=" + OTHER_TOKEN));
      client.close();
    }
    for (String token : tokens()) {
      ask(TestClient.with(server, token), "/v2/project/app/tags/list");
      ask(TestClient.with(server, token + "x"), "/v2/project/app/tags/list");
    }
  }

  /** Puts files there that are refused, with secrets where they are wrong. */
  private void spoil(CisternServer server, ObjectFiles objects) {
    objects.put("secret.yaml", ObjectFiles.pullSecret("{\"auths\": \"" + PULL_SECRET + "\"}"));
    ObjectFiles.replace(directory.resolve("users"), ALICE.line() + "bob:" + OTHER_PASSWORD + "\n");
    await()
        .atMost(PATIENCE)
        .until(() ->
            server.log().stream()
                    .filter(line -> line.contains("refused, what it said before stays"))
                    .count()
                > 1);
  }

  private void ask(TestClient client, String path) {
    try (client) {
      answers.add(client.get(path));
    }
  }

  private List<String> tokens() {
    return answers.stream()
        .filter(SecretOutputsTest::isOfTokens)
        .flatMap(answered -> TOKEN.matcher(answered.text()).results())
        .map(found -> found.group(1))
        .toList();
  }

  /** Answers of the token endpoint are the one place where tokens belong. */
  private static boolean isOfTokens(Answered answered) {
    return answered.status() == 200 && answered.response().uri().getPath().equals("/token");
  }

  /** Lists all secrets: as they are, as Basic has them, the hashes and the signing keys. */
  private void learn() throws IOException {
    secrets.addAll(List.of(PULL_SECRET, OTHER_PASSWORD, OTHER_TOKEN, "token-1", "s3cret"));
    for (String pair :
        List.of(
            "alice:" + ALICE.password(),
            "bob:" + BOB.password(),
            "bob:" + OTHER_PASSWORD,
            "robot:" + PULL_SECRET)) {
      secrets.add(Base64.getEncoder().encodeToString(pair.getBytes(UTF_8)));
    }
    for (Accounts account : List.of(ALICE, BOB)) {
      secrets.add(account.password());
      secrets.add(account.line().substring(account.line().indexOf('$')).strip());
    }
    List<String> tokens = tokens();
    assertThat(tokens).hasSizeGreaterThan(4);
    for (String token : tokens) {
      secrets.add(token);
      secrets.add(token.substring(token.lastIndexOf('.') + 1));
    }
    try (Stream<Path> keys = Files.list(directory.resolve("data/keys"))) {
      for (Path key : keys.toList()) {
        Files.readString(key).lines().filter(line -> !line.startsWith("-")).forEach(secrets::add);
      }
    }
  }

  private void hidden(CisternServer server, String secret) {
    assertThat(server.log()).noneMatch(line -> line.contains(secret));
    for (Answered answered : answers) {
      String said = answered.response().headers().map() + " " + answered.text();
      if (!isOfTokens(answered)) {
        assertThat(said).as(answered.response().uri().getPath()).doesNotContain(secret);
      }
    }
  }

  private static boolean isLogged(CisternServer server, String part) {
    return server.log().stream().anyMatch(line -> line.contains(part));
  }
}
