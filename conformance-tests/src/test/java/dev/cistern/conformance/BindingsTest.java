package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bindings and tokens that administrators make while the server runs. */
class BindingsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Pattern TOKEN = Pattern.compile("\"token\":\"([^\"]+)\"");
  private static final String JSON = "application/json";
  private static final String ADD = "/admin/add-role";
  private static final String REMOVE = "/admin/remove-role";
  private static final String IN_B = "?namespace=project-b";
  private static final String PULLER_BOB = "{\"role\":\"system:image-puller\",\"users\":[\"bob\"]}";
  private static final String APP = "/v2/project-b/app/manifests/v1";

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient alice;

  @SuppressWarnings("NullAway.Init")
  private TestClient bob;

  @BeforeEach
  void start() {
    objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("admin.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    objects.put("c.yaml", ObjectFiles.binding("project-b", "system:image-puller", "User", "carol"));
    ObjectFiles.replace(users(), ALICE.line() + BOB.line() + CAROL.line());
    startServer();
    push("project-b/app");
    push("project-a/app");
  }

  private void startServer() {
    server =
        new TestConfig(directory)
            .line("resources: [" + objects.directory() + "]")
            .line("access: {users: " + users() + ", anonymous: none}")
            .start();
    alice = ALICE.client(server);
    bob = BOB.client(server);
  }

  @AfterEach
  void stop() {
    alice.close();
    bob.close();
    server.close();
    assertThat(String.join("\n", server.log())).doesNotContain("s3cret", "Basic ", "eyJ");
  }

  @Test
  void aBindingIsInForceAtOnceAndAfterAKillUntilItIsRemoved() {
    assertThat(bob.get(APP).status()).isEqualTo(403);

    Answered added = order(alice, ADD + IN_B, PULLER_BOB);
    assertThat(added.status()).as(added.text()).isEqualTo(200);
    assertThat(added.text()).contains("\"changed\":true");
    assertThat(bob.get(APP).status()).isEqualTo(200);
    assertThat(bob.get("/v2/project-a/app/manifests/v1").status()).isEqualTo(403);
    assertThat(order(alice, ADD + IN_B, PULLER_BOB).text()).contains("\"changed\":false");

    server.kill();
    alice.close();
    bob.close();
    startServer();
    assertThat(bob.get(APP).status()).isEqualTo(200);

    assertThat(order(alice, REMOVE + IN_B, PULLER_BOB).status()).isEqualTo(200);
    assertThat(bob.get(APP).status()).isEqualTo(403);
  }

  @Test
  void whoIsRemovedLeavesTheOthersOfTheBinding() {
    String both = "{\"role\":\"system:image-puller\",\"users\":[\"bob\",\"dave\"]}";
    order(alice, ADD + IN_B, both);
    order(alice, ADD + IN_B, PULLER_BOB);
    String dave = PULLER_BOB.replace("bob", "dave");
    assertThat(order(alice, REMOVE + IN_B, dave).status()).isEqualTo(200);
    assertThat(bob.get(APP).status()).isEqualTo(200);
    assertThat(order(alice, REMOVE + IN_B, dave).text()).contains("unable to find target [dave]");
  }

  @Test
  void aChangeOfTheFilesLeavesWhatWasMadeByCommand() {
    order(alice, ADD + IN_B, PULLER_BOB);
    objects.put("a.yaml", ObjectFiles.binding("project-a", "system:image-puller", "User", "bob"));
    await().atMost(PATIENCE).until(() -> bob.get("/v2/project-a/app/manifests/v1").status() == 200);
    assertThat(bob.get(APP).status()).isEqualTo(200);
  }

  @Test
  void aRoleForAllNamespacesIsGivenAndTaken() {
    order(alice, ADD, PULLER_BOB);
    assertThat(bob.get(APP).status()).isEqualTo(200);
    assertThat(bob.get("/v2/project-a/app/manifests/v1").status()).isEqualTo(200);
    order(alice, REMOVE, PULLER_BOB);
    assertThat(bob.get(APP).status()).isEqualTo(403);
  }

  @Test
  void whatAFileSaysIsChangedInTheFile() {
    String carol = PULLER_BOB.replace("\"bob\"", "\"bob\",\"carol\"");
    order(alice, ADD + IN_B, PULLER_BOB);
    Answered refused = order(alice, REMOVE + IN_B, carol);
    assertThat(refused.status()).isEqualTo(409);
    assertThat(refused.text())
        .contains("carol has system:image-puller by the RoleBinding")
        .contains("of the file " + objects.directory().resolve("c.yaml"), "change the file");
    assertThat(bob.get(APP).status()).as("nothing is changed").isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"role\":\"pusher\",\"users\":[\"bob\"]} | there is no ClusterRole \\\"pusher\\\"",
        "{\"role\":\"registry-viewer\"} | at least one name is expected",
        "{\"users\":[\"bob\"]} | role: the name of a role is expected",
        "{\"role\":\"registry-viewer\",\"users\":[\"\"]} | not a name of a user",
        "{\"role\":\"registry-viewer\",\"users\":[7]} | users: a list of texts is expected",
        "{\"role\":\"registry-viewer\",\"users\":[\"system:serviceaccount:a\"]} | there can be no user",
        "{\"role\":\"registry-viewer\",\"groups\":[\"system:masters\"]} | there can be no group",
        "not JSON | the body is not JSON",
      })
  void whatCannotBeMeantIsRefused(String body, String complaint) {
    Answered refused = order(alice, ADD + IN_B, body);
    assertThat(refused.status()).isBetween(400, 404);
    assertThat(refused.text()).contains(complaint);
  }

  @Test
  void aPlaceThatCannotBeIsRefused() {
    Answered refused = order(alice, ADD + "?namespace=Project_B", PULLER_BOB);
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.text()).contains("not a namespace", "such as project-a or quay.io");
    assertThat(order(alice, REMOVE + "?namespace=none", PULLER_BOB).text())
        .contains("unable to locate any RoleBinding for ClusterRole \\\"system:image-puller\\\"");
    assertThat(order(alice, REMOVE, PULLER_BOB).text())
        .contains("unable to locate any ClusterRoleBinding for ClusterRole");
  }

  @Test
  void whoAdministersANamespaceBindsInIt() {
    String carol = "{\"role\":\"registry-editor\",\"users\":[\"carol\"]}";
    Answered refused = order(bob, ADD + IN_B, carol);
    assertThat(refused.status()).isEqualTo(403);
    assertThat(refused.text())
        .contains("bob may not administer namespace project-b")
        .contains("policy add-role-to-user registry-admin bob --namespace=project-b");
    order(alice, ADD + IN_B, "{\"role\":\"registry-admin\",\"users\":[\"bob\"]}");

    assertThat(order(bob, ADD + IN_B, carol).status()).isEqualTo(200);
    assertThat(order(bob, ADD + "?namespace=project-a", carol).status()).isEqualTo(403);
    assertThat(order(bob, ADD, carol).status()).isEqualTo(403);
    assertThat(bob.get("/admin/why?ref=project-b/app:v1").status()).isEqualTo(403);
    try (TestClient nobody = new TestClient(server)) {
      assertThat(order(nobody, ADD + IN_B, carol).status()).isEqualTo(401);
    }
  }

  @Test
  void aTokenForARepositoryDoesNotBindAndOneForOrdersDoes() {
    try (TestClient pull = TestClient.with(server, token("repository:project-b/app:pull"));
        TestClient orders = TestClient.with(server, token("registry:admin:*"))) {
      assertThat(order(pull, ADD + IN_B, PULLER_BOB).status()).isEqualTo(403);
      assertThat(order(orders, ADD + IN_B, PULLER_BOB).status()).isEqualTo(200);
      assertThat(orders.get(APP).status()).as("it is for nothing else").isEqualTo(401);
    }
  }

  @Test
  void everyChangeIsALineOfTheAuditThatSaysWhatWasGrantedToWhom() {
    order(alice, ADD + IN_B, PULLER_BOB);
    order(alice, REMOVE + IN_B, PULLER_BOB);
    order(alice, "/admin/token?namespace=project-a", "{\"serviceAccount\":\"default\"}");
    for (String did :
        List.of(
            "added role system:image-puller of user bob in namespace project-b",
            "removed role system:image-puller of user bob in namespace project-b",
            "made a token of system:serviceaccount:project-a:default, good until ")) {
      await()
          .atMost(PATIENCE)
          .until(() ->
              server.log().stream()
                  .anyMatch(line ->
                      line.contains("\"audit\":\"done\",\"user\":\"alice\"")
                          && line.contains("\"did\":\"" + did)));
    }
  }

  @Test
  void aServiceAccountsTokenIsTheServiceAccount() {
    Answered made =
        order(alice, "/admin/token?namespace=project-b", "{\"serviceAccount\":\"default\"}");
    assertThat(made.text())
        .contains("\"serviceAccount\":\"system:serviceaccount:project-b:default\"");
    assertThat(made.header("Cache-Control")).isEqualTo("no-store");
    String token = match(made.text());
    try (TestClient bearer = TestClient.with(server, token);
        TestClient basic = TestClient.as(server, "anything", token)) {
      for (TestClient account : List.of(bearer, basic)) {
        assertThat(account.get(APP).status()).isEqualTo(200);
        assertThat(account.get("/v2/project-a/app/manifests/v1").status()).isEqualTo(403);
        assertThat(order(account, ADD + IN_B, PULLER_BOB).status()).isEqualTo(403);
      }
    }
    assertThat(order(bob, "/admin/token" + IN_B, "{\"serviceAccount\":\"default\"}").status())
        .isEqualTo(403);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "?namespace=a | {} | serviceAccount: the name of a service account is expected",
        "?namespace=a | {\"serviceAccount\":\"Default\"} | not a service account: namespace",
        "?namespace=A | {\"serviceAccount\":\"default\"} | not a service account: namespace",
        "?namespace=a | {\"serviceAccount\":\"x\",\"seconds\":0} | a number from 1 to 31536000",
        "?namespace=a | {\"serviceAccount\":\"x\",\"seconds\":31536001} | a number from 1 to",
        "?namespace=a | {\"serviceAccount\":\"x\",\"seconds\":1.5} | a number from 1 to 31536000",
        "? | {\"serviceAccount\":\"default\"} | the parameter namespace is missing",
        "?x=y | {\"serviceAccount\":\"default\"} | unknown query parameter",
      })
  void aTokenThatCannotBeIsRefused(String query, String body, String complaint) {
    Answered refused = order(alice, "/admin/token" + query, body);
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.text()).contains(complaint);
  }

  @Test
  void whoCanSaysTheUsersAndGroups() {
    order(alice, ADD + IN_B, PULLER_BOB);
    String question = "/admin/who-can?verb=get&resource=imagestreams/layers";
    assertThat(alice.get(question + "&namespace=project-b").text())
        .contains("\"users\":[\"alice\",\"bob\",\"carol\"]")
        .contains("\"groups\":[\"system:serviceaccounts:project-b\"]");
    assertThat(alice.get(question).text()).contains("\"users\":[\"alice\"],\"groups\":[]");
    assertThat(bob.get(question).status()).isEqualTo(403);
  }

  @ParameterizedTest
  @ValueSource(strings = {"?verb=fly&resource=imagestreams", "?verb=get&resource=pods"})
  void whoCanSaysWhatCanBeAsked(String question) {
    Answered refused = alice.get("/admin/who-can" + question);
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.text()).contains("nobody can", "imagestreams/layers");
  }

  private static Answered order(TestClient client, String path, String body) {
    return client.post(path, JSON, body);
  }

  private String token(String scope) {
    return match(alice.get("/token?scope=" + scope).text());
  }

  private static String match(String text) {
    Matcher matcher = TOKEN.matcher(text);
    assertThat(matcher.find()).as(text).isTrue();
    return matcher.group(1);
  }

  private Path users() {
    return directory.resolve("users");
  }

  private void push(String repository) {
    byte[] layer = Samples.bytes(1000, 3);
    assertThat(alice.pushBlob(repository, layer).status()).isEqualTo(201);
    assertThat(alice.pushBlob(repository, "{}".getBytes(UTF_8)).status()).isEqualTo(201);
    assertThat(
            alice
                .putManifest(
                    "/v2/" + repository + "/manifests/v1", Samples.manifestOf(List.of(layer)))
                .status())
        .isEqualTo(201);
  }
}
