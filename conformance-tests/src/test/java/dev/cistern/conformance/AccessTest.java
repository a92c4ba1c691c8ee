package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.BOB_WITH_ANOTHER_PASSWORD;
import static dev.cistern.conformance.Accounts.CAROL;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may do what: users, tokens and bindings of a server that asks who one is. */
class AccessTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Pattern TOKEN = Pattern.compile("\"token\":\"([^\"]+)\"");
  private static final Pattern REFRESH = Pattern.compile("\"refresh_token\":\"([^\"]+)\"");
  private static final String FORM = "application/x-www-form-urlencoded";

  @TempDir Path directory;

  private final byte[] layer = Samples.bytes(50_000, 3);
  private final byte[] manifest = Samples.manifestOf(List.of(layer));
  private final String blob = "/blobs/" + Samples.digest(layer);

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient alice;

  @SuppressWarnings("NullAway.Init")
  private TestClient bob;

  @SuppressWarnings("NullAway.Init")
  private TestClient nobody;

  @BeforeEach
  void start() {
    objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("admin.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    objects.put("b.yaml", ObjectFiles.binding("project-b", "system:image-puller", "User", "bob"));
    ObjectFiles.replace(users(), ALICE.line() + BOB.line() + CAROL.line());
    server = config("anonymous: none").start();
    alice = ALICE.client(server);
    bob = BOB.client(server);
    nobody = new TestClient(server);
    push(alice, "project-b/app");
    push(alice, "project-a/app");
  }

  @AfterEach
  void stop() {
    alice.close();
    bob.close();
    nobody.close();
    server.close();
    assertThat(String.join("\n", server.log())).doesNotContain("s3cret", "Basic ", "eyJ");
  }

  @Test
  void whoShowsNoCredentialsIsToldWhereATokenIsToBeHad() {
    Answered ping = nobody.get("/v2/");
    assertThat(ping.status()).isEqualTo(401);
    assertThat(ping.header("WWW-Authenticate"))
        .isEqualTo("Bearer realm=\"" + server.uri("/token") + "\",service=\"cistern\"");

    Answered pull = nobody.get("/v2/project-b/app/manifests/v1");
    assertThat(pull.status()).isEqualTo(401);
    assertThat(pull.text()).contains("UNAUTHORIZED", "to pull in project-b/app one has to log in");
    assertThat(pull.header("WWW-Authenticate")).endsWith("scope=\"repository:project-b/app:pull\"");
    assertThat(nobody.pushBlob("project-b/app", layer).header("WWW-Authenticate"))
        .endsWith("scope=\"repository:project-b/app:pull,push\"");
  }

  @Test
  void aPasswordLetsInAndAWrongOneDoesNot() {
    assertThat(bob.get("/v2/").status()).isEqualTo(200);
    try (TestClient wrong = TestClient.as(server, "bob", "wonder-s3cret");
        TestClient unknown = TestClient.as(server, "dave", "x")) {
      for (Answered refused : List.of(wrong.get("/v2/"), unknown.get("/token"))) {
        assertThat(refused.status()).isEqualTo(401);
        assertThat(refused.text()).contains("user or password is wrong");
      }
    }
  }

  @Test
  void whoIsBoundPullsAndNoMore() {
    assertThat(bob.get("/v2/project-b/app/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(bob.get("/v2/project-b/app" + blob).bytes()).isEqualTo(layer);

    Answered pushed = bob.pushBlob("project-b/app", layer);
    assertThat(pushed.status()).isEqualTo(403);
    assertThat(pushed.text())
        .contains("bob may not push in namespace project-b")
        .contains("policy add-role-to-user system:image-pusher bob --namespace=project-b");
    assertThat(bob.delete("/v2/project-b/app/manifests/v1").status()).isEqualTo(403);
    assertThat(alice.get("/v2/project-b/app/manifests/v1").status()).isEqualTo(200);
  }

  @Test
  void whatOneHasWarmedIsCheckedForTheNextLikeAMiss() {
    List<String> paths =
        List.of(
            "/manifests/v1",
            "/manifests/" + Samples.digest(manifest),
            blob,
            "/tags/list",
            "/referrers/" + Samples.digest(manifest));
    for (String path : paths) {
      String warm = "/v2/project-a/app" + path;
      assertThat(alice.get(warm).status()).as(warm).isEqualTo(200);
      assertThat(alice.get(warm).status()).as(warm).isEqualTo(200);
      assertThat(bob.get(warm).status()).as(warm).isEqualTo(403);
      assertThat(bob.head(warm).status()).as(warm).isEqualTo(403);
      assertThat(nobody.get(warm).status()).as(warm).isEqualTo(401);
    }
    assertThat(bob.get("/v2/_catalog").text()).contains("[\"project-b/app\"]");
    assertThat(alice.get("/v2/_catalog").text()).contains("[\"project-a/app\",\"project-b/app\"]");
  }

  @Test
  void whatIsNotThereIsRefusedLikeWhatIs() {
    Answered there = bob.get("/v2/project-a/app/manifests/v1");
    Answered absent = bob.get("/v2/project-a/app/manifests/absent");
    assertThat(absent.text()).isEqualTo(there.text());
    assertThat(bob.get("/v2/project-a/none/manifests/v1").text()).isEqualTo(there.text());
  }

  @Test
  void aTokenIsForWhatItsOwnerMayDoOfWhatWasAsked() {
    try (TestClient some = TestClient.with(server, token(bob, "project-b/app:pull,push"));
        TestClient none = TestClient.with(server, token(bob, "project-a/app:pull,push"))) {
      assertThat(some.get("/v2/").status()).isEqualTo(200);
      assertThat(some.get("/v2/project-b/app/manifests/v1").bytes()).isEqualTo(manifest);
      assertThat(some.pushBlob("project-b/app", layer).status()).isEqualTo(403);
      assertThat(some.get("/v2/project-a/app/manifests/v1").status()).isEqualTo(403);

      Answered insufficient = none.get("/v2/project-b/app/manifests/v1");
      assertThat(insufficient.status()).isEqualTo(401);
      assertThat(insufficient.header("WWW-Authenticate"))
          .endsWith("scope=\"repository:project-b/app:pull\",error=\"insufficient_scope\"");
    }
  }

  @Test
  void aTokenDoesNotAdministerAndGivesNoOther() {
    try (TestClient token = TestClient.with(server, token(alice, "project-b/app:pull"))) {
      assertThat(token.get("/admin/why?ref=project-b/app:v1").status()).isEqualTo(403);
      assertThat(token.get("/metrics").status()).isEqualTo(403);
      assertThat(token.get("/token?scope=repository:project-b/app:push").status()).isEqualTo(401);
      assertThat(token.delete("/v2/project-b/app/manifests/v1").status()).isEqualTo(401);
    }
  }

  @Test
  void administratorsAskFromAnywhereAndOthersDoNot() {
    assertThat(alice.get("/admin/why?ref=project-b/app:v1").status()).isEqualTo(200);
    assertThat(bob.get("/admin/why?ref=project-b/app:v1").status()).isEqualTo(403);
    Answered refused = nobody.get("/admin/why?ref=project-b/app:v1");
    assertThat(refused.status()).isEqualTo(401);
    assertThat(refused.header("WWW-Authenticate")).startsWith("Basic realm=");
    assertThat(alice.get("/metrics").status()).isEqualTo(200);
    assertThat(bob.get("/metrics").status()).isEqualTo(403);
    assertThat(nobody.get("/metrics").status()).isEqualTo(401);
    assertThat(nobody.get("/healthz").status()).isEqualTo(200);
  }

  @Test
  void aBindingCountsFromWhenItIsThereToWhenItIsGone() {
    String path = "/v2/project-a/app/manifests/v1";
    String token = token(bob, "project-a/app:pull");
    objects.put("a.yaml", ObjectFiles.binding("project-a", "system:image-puller", "User", "bob"));
    await().atMost(PATIENCE).until(() -> bob.get(path).status() == 200);

    try (TestClient old = TestClient.with(server, token);
        TestClient now = TestClient.with(server, token(bob, "project-a/app:pull"))) {
      assertThat(old.get(path).status()).isEqualTo(401);
      assertThat(now.get(path).status()).isEqualTo(200);
      objects.delete("a.yaml");
      await().atMost(PATIENCE).until(() -> bob.get(path).status() == 403);
      assertThat(now.get(path).status()).isEqualTo(403);
      assertThat(token(bob, "project-a/app:pull")).isNotEqualTo(token);
    }
  }

  @Test
  void membersOfAGroupHaveWhatItHas() {
    objects.put(
        "group.yaml",
        """
        apiVersion: user.openshift.io/v1
        kind: Group
        metadata: {name: team}
        users: [bob]
        """);
    objects.put("a.yaml", ObjectFiles.binding("project-a", "system:image-puller", "Group", "team"));
    await().atMost(PATIENCE).until(() -> bob.get("/v2/project-a/app/manifests/v1").status() == 200);

    objects.delete("group.yaml");
    await().atMost(PATIENCE).until(() -> bob.get("/v2/project-a/app/manifests/v1").status() == 403);
  }

  @Test
  void whoMayOnlyCreateDoesNotMoveATag() {
    objects.put(
        "role.yaml",
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: creator}
        rules:
        - {apiGroups: [image.openshift.io], resources: [imagestreams/layers], verbs: [get, create]}
        """);
    objects.put("c.yaml", ObjectFiles.binding("project-b", "creator", "User", "carol"));
    byte[] other = Samples.bytes(1000, 9);
    byte[] next = Samples.manifestOf(List.of(other));
    try (TestClient carol = CAROL.client(server)) {
      await().atMost(PATIENCE).until(() -> carol.pushBlob("project-b/app", other).status() == 201);
      Answered moved = carol.putManifest("/v2/project-b/app/manifests/v1", next);
      assertThat(moved.status()).isEqualTo(403);
      assertThat(moved.text()).contains("the tag v1", "is there and points elsewhere");
      assertThat(carol.get("/v2/project-b/app/manifests/" + Samples.digest(next)).status())
          .isEqualTo(404);
      assertThat(carol.putManifest("/v2/project-b/app/manifests/v2", next).status()).isEqualTo(201);
      assertThat(carol.putManifest("/v2/project-b/app/manifests/v1", manifest).status())
          .isEqualTo(201);
    }
  }

  @Test
  void anUploadBelongsToWhoStartedIt() {
    objects.put("c.yaml", ObjectFiles.binding("project-b", "registry-editor", "User", "carol"));
    try (TestClient carol = CAROL.client(server)) {
      await().atMost(PATIENCE).until(() -> carol.pushBlob("project-b/app", layer).status() == 201);
      String session = alice.post("/v2/project-b/app/blobs/uploads/", FORM, "").header("Location");
      assertThat(alice.get(session).status()).isEqualTo(204);
      assertThat(carol.get(session).status()).isEqualTo(404);
      assertThat(carol.delete(session).status()).isEqualTo(404);
      assertThat(alice.get(session.replace("project-b", "project-a")).status()).isEqualTo(404);
      assertThat(alice.delete(session).status()).isEqualTo(204);
    }
  }

  @Test
  void aMountNeedsPullOnItsSource() {
    objects.put("c.yaml", ObjectFiles.binding("project-c", "registry-editor", "User", "bob"));
    String mount = "/v2/project-c/x/blobs/uploads/?mount=" + Samples.digest(layer);
    await().atMost(PATIENCE).until(() -> bob.post(mount, FORM, "").status() != 403);

    assertThat(bob.post(mount + "&from=project-a/app", FORM, "").status()).isEqualTo(202);
    assertThat(bob.post(mount, FORM, "").status()).isEqualTo(202);
    assertThat(bob.get("/v2/project-c/x" + blob).status()).isEqualTo(404);
    assertThat(bob.post(mount + "&from=project-b/app", FORM, "").status()).isEqualTo(201);
    assertThat(bob.get("/v2/project-c/x" + blob).bytes()).isEqualTo(layer);
  }

  @Test
  void whoLoggedInGetsTokensUntilThePasswordIsAnother() {
    Answered login = bob.get("/token?offline_token=true&service=cistern");
    String form = "grant_type=refresh_token&refresh_token=" + match(REFRESH, login.text());
    Answered renewed = nobody.post("/token", FORM, form + "&scope=repository:project-b/app:pull");
    try (TestClient with = TestClient.with(server, match(TOKEN, renewed.text()))) {
      assertThat(with.get("/v2/project-b/app/manifests/v1").status()).isEqualTo(200);
    }
    try (TestClient refresh = TestClient.with(server, match(REFRESH, login.text()))) {
      assertThat(refresh.get("/v2/").status()).isEqualTo(401);
    }

    ObjectFiles.replace(users(), ALICE.line() + BOB_WITH_ANOTHER_PASSWORD.line());
    await().atMost(PATIENCE).until(() -> nobody.post("/token", FORM, form).status() == 401);
    assertThat(bob.get("/v2/").status()).isEqualTo(401);
    try (TestClient other = BOB_WITH_ANOTHER_PASSWORD.client(server)) {
      assertThat(other.get("/v2/").status()).isEqualTo(200);
    }
  }

  @Test
  void aPasswordByFormGetsATokenToo() {
    String form = "grant_type=password&username=bob&password=";
    assertThat(nobody.post("/openshift/token", FORM, form + "builder-s3cret").status())
        .isEqualTo(200);
    assertThat(nobody.post("/token", FORM, form + "wrong").status()).isEqualTo(401);
    assertThat(nobody.post("/token", FORM, "grant_type=magic").text())
        .contains("grant_type: password or refresh_token is expected");
    assertThat(bob.get("/token?service=elsewhere").text()).contains("the tokens here are for");
    assertThat(bob.get("/token?scope=repository:UPPER:pull").text()).contains("not a scope");
  }

  @Test
  void aUsersFileThatIsRefusedLeavesThoseBefore() throws IOException {
    ObjectFiles.replace(users(), ALICE.line() + "bob:{SHA}secret\n");
    await().atMost(PATIENCE).until(() -> isLogged("refused, what it said before stays"));
    assertThat(bob.get("/v2/").status()).isEqualTo(200);
    assertThat(isLogged(users() + ":2: there is no bcrypt hash")).isTrue();
  }

  @Test
  void keysAreRotatedWithoutBreakingTokensInUse() throws IOException {
    String old = token(bob, "project-b/app:pull");
    Path keys = directory.resolve("data/keys");
    Path first;
    try (Stream<Path> files = Files.list(keys)) {
      first = files.findFirst().orElseThrow();
    }
    Path elsewhere = Files.createDirectory(directory.resolve("other"));
    try (CisternServer other =
        new TestConfig(elsewhere).line("access: {users: " + users() + "}").start()) {
      try (Stream<Path> files = Files.list(elsewhere.resolve("data/keys"))) {
        Files.copy(files.findFirst().orElseThrow(), keys.resolve("zz-next.pem"));
      }
    }
    await().atMost(PATIENCE).until(() -> isLogged("changed rules and secrets are in force"));

    String next = token(bob, "project-b/app:pull");
    assertPulls(old, 200);
    assertPulls(next, 200);
    Files.delete(first);
    await().atMost(PATIENCE).until(() -> pulls(old) == 401);
    assertPulls(next, 200);
  }

  @Test
  void aKeyThatIsRefusedLeavesThoseBeforeAndOtherChangesCount() throws IOException {
    Files.writeString(directory.resolve("data/keys/zz-wrong.pem"), "no key");
    await().atMost(PATIENCE).until(() -> isLogged("zz-wrong.pem is not a signing key"));

    objects.put("a.yaml", ObjectFiles.binding("project-a", "system:image-puller", "User", "bob"));
    await().atMost(PATIENCE).until(() -> bob.get("/v2/project-a/app/manifests/v1").status() == 200);
    assertPulls(token(bob, "project-b/app:pull"), 200);
    assertThat(server.log().stream().filter(line -> line.contains("zz-wrong.pem"))).hasSize(1);
  }

  @Test
  void everyChangeAndEveryRefusalIsALineOfTheAudit() {
    bob.pushBlob("project-b/app", layer);
    alice.delete("/v2/project-a/app/manifests/v1");
    String line = "\"user\":\"%s\",\"client\":\"127.0.0.1\",\"method\":\"%s\"";

    await().atMost(PATIENCE).until(() -> isLogged(line.formatted("alice", "DELETE")));
    assertThat(server.log())
        .anyMatch(text ->
            text.startsWith("{\"time\":")
                && text.contains("\"audit\":\"denied\"")
                && text.contains(line.formatted("bob", "POST")))
        .anyMatch(text ->
            text.contains("\"audit\":\"done\"")
                && text.contains(line.formatted("alice", "PUT"))
                && text.contains("\"repository\":\"project-a/app\",\"reference\":\"v1\""));
  }

  private void assertPulls(String token, int status) {
    assertThat(pulls(token)).isEqualTo(status);
  }

  private int pulls(String token) {
    try (TestClient with = TestClient.with(server, token)) {
      return with.get("/v2/project-b/app/manifests/v1").status();
    }
  }

  private TestConfig config(String anonymous) {
    return new TestConfig(directory)
        .line("resources: [" + objects.directory() + "]")
        .line("access: {users: " + users() + ", " + anonymous + "}");
  }

  private Path users() {
    return directory.resolve("users");
  }

  private void push(TestClient client, String repository) {
    assertThat(client.pushBlob(repository, layer).status()).isEqualTo(201);
    assertThat(client.pushBlob(repository, "{}".getBytes(UTF_8)).status()).isEqualTo(201);
    assertThat(client.putManifest("/v2/" + repository + "/manifests/v1", manifest).status())
        .isEqualTo(201);
  }

  private static String token(TestClient client, String scope) {
    Answered answered = client.get("/token?service=cistern&scope=repository:" + scope);
    assertThat(answered.status()).as(answered.text()).isEqualTo(200);
    return match(TOKEN, answered.text());
  }

  private static String match(Pattern pattern, String text) {
    Matcher matcher = pattern.matcher(text);
    assertThat(matcher.find()).as(text).isTrue();
    return matcher.group(1);
  }

  private boolean isLogged(String part) {
    return server.log().stream().anyMatch(line -> line.contains(part));
  }
}
