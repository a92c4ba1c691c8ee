package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static dev.cistern.conformance.Accounts.DAVE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * What those who may do something in one namespace can do by the API, see of others, and leave in
 * the audit. Alice administers all; Bob edits {@code blue}, Carol makes new tags there, and Dave
 * pulls from it.
 */
@Timeout(120)
class ApiRightsTest {
  private static final String MERGE = "application/merge-patch+json";
  private static final String STREAM =
      "{'kind':'ImageStream','apiVersion':'image.openshift.io/v1','metadata':{'name':'%s'}}";
  private static final String NEW_TAGS =
      """
      apiVersion: rbac.authorization.k8s.io/v1
      kind: ClusterRole
      metadata: {name: makes-tags}
      rules:
      - apiGroups: [image.openshift.io]
        resources: [imagestreams]
        verbs: [get, list, create]
      """;

  @TempDir Path directory;

  private final Multiplatform image = Multiplatform.of(1);

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient alice;

  @SuppressWarnings("NullAway.Init")
  private ApiClient administrator;

  @BeforeEach
  void start() {
    objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("role.yaml", NEW_TAGS);
    bind("", "cluster-admin", ALICE);
    bind("blue", "registry-editor", BOB);
    bind("blue", "makes-tags", CAROL);
    bind("blue", "system:image-puller", DAVE);
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line() + BOB.line() + CAROL.line() + DAVE.line());
    server =
        new TestConfig(directory)
            .line("resources: [" + objects.directory() + "]")
            .line("access: {users: " + users + ", anonymous: none}")
            .start();
    alice = ALICE.client(server);
    administrator = new ApiClient(alice);
    administrator.makeNamespace("red");
    administrator.makeNamespace("blue");
  }

  private void bind(String namespace, String role, Accounts account) {
    objects.put(
        account.user() + ".yaml", ObjectFiles.binding(namespace, role, "User", account.user()));
  }

  @AfterEach
  void stop() {
    administrator.close();
    server.close();
  }

  private void push(String repository, String tag) {
    image.blobs().forEach(blob -> alice.pushBlob(repository, blob));
    for (byte[] child : image.children()) {
      String path = "/v2/" + repository + "/manifests/" + Samples.digest(child);
      assertThat(alice.putManifest(path, child).status()).isEqualTo(201);
    }
    pushIndex(alice, repository, tag);
  }

  private void pushIndex(TestClient client, String repository, String tag) {
    Answered answered =
        client.send(
            "PUT",
            "/v2/" + repository + "/manifests/" + tag,
            "application/vnd.oci.image.index.v1+json",
            image.index());
    assertThat(answered.status()).as(answered.text()).isEqualTo(201);
  }

  /** Has a tag of a stream in {@code blue} be one of a stream in {@code red}. */
  private static String tagged(String name, String from) {
    return """
    {'kind':'ImageStreamTag','apiVersion':'image.openshift.io/v1','metadata':{'name':'%s'},
     'tag':{'from':{'kind':'ImageStreamTag','namespace':'red','name':'%s'}}}
    """
        .formatted(name, from);
  }

  @Test
  void aPushedImageThatIsTaggedAcrossProjectsIsPulledByWhoMayPullThere() {
    push("red/app", "v1");
    ApiClient.Said said = administrator.post(ApiClient.tags("blue"), tagged("app:prod", "app:v1"));
    assertThat(said.status()).as(said.message()).isEqualTo(201);

    try (TestClient dave = DAVE.client(server)) {
      assertThat(dave.get("/v2/blue/app/manifests/prod").bytes()).isEqualTo(image.index());
      assertThat(dave.get("/v2/blue/app/manifests/" + image.child(1)).bytes())
          .isEqualTo(image.children().get(1));
      for (byte[] blob : image.blobs()) {
        assertThat(dave.get("/v2/blue/app/blobs/" + Samples.digest(blob)).bytes()).isEqualTo(blob);
      }
      assertThat(dave.get("/v2/red/app/manifests/v1").status()).isEqualTo(403);

      assertThat(alice.delete("/v2/red/app/manifests/" + image.digest()).status()).isEqualTo(202);
      assertThat(dave.head("/v2/blue/app/manifests/prod").status()).isEqualTo(200);
    }
  }

  @Test
  void whoMayOnlyMakeNewTagsMovesNone() {
    administrator.post(ApiClient.streams("blue"), STREAM.formatted("app"));
    String tag = "{'metadata':{'name':'app:%s'},'tag':{'from':{'kind':'DockerImage','name':'%s'}}}";
    try (var carol = new ApiClient(CAROL.client(server))) {
      String made = tag.formatted("v1", "quay.io/a/b:1");
      assertThat(carol.post(ApiClient.tags("blue"), made).status()).isEqualTo(201);
      String path = ApiClient.tags("blue") + "/app:v1";
      String other = tag.formatted("v1", "quay.io/a/b:2");

      ApiClient.Said moved = carol.send("PUT", path, "application/json", other);
      ApiClient.Said patched =
          carol.patch(
              ApiClient.streams("blue") + "/app",
              MERGE,
              "{'spec':{'tags':[{'name':'v1','from':{'kind':'DockerImage','name':'quay.io/x:1'}}]}}");

      assertThat(moved.status()).isEqualTo(403);
      assertThat(moved.message()).contains("one who may only make new tags cannot change it");
      assertThat(patched.status()).isEqualTo(403);
    }
    try (var bob = new ApiClient(BOB.client(server))) {
      String path = ApiClient.tags("blue") + "/app:v1";
      String other = tag.formatted("v1", "quay.io/a/b:2");
      assertThat(bob.send("PUT", path, "application/json", other).status()).isEqualTo(200);
    }
  }

  @Test
  void whatAPushedIndexNamesButTheRepositoryHasNotIsNotShown() {
    push("red/secret", "v1");
    try (TestClient bob = BOB.client(server);
        var api = new ApiClient(bob)) {
      pushIndex(bob, "blue/mine", "v1");
      String path = ApiClient.IMAGES + "/namespaces/blue/imagestreamimages/mine@";

      assertThat(api.get(path + image.digest()).status()).isEqualTo(200);
      assertThat(api.get(path + image.child(0)).status()).isEqualTo(404);
    }
  }

  @Test
  void projectsThatOneMayNotSeeAreLikeThoseThatAreNot() {
    administrator.makeNamespace("zebra");
    String path = "/apis/project.openshift.io/v1/projects";
    try (var bob = new ApiClient(BOB.client(server))) {
      ApiClient.Said hidden = bob.get(path + "/red");
      ApiClient.Said absent = bob.get(path + "/rad");

      assertThat(hidden.status()).isEqualTo(403);
      assertThat(absent.status()).isEqualTo(403);
      assertThat(absent.message()).isEqualTo(hidden.message().replace("red", "rad"));
      JsonNode page = bob.get(path + "?limit=1").json();
      assertThat(page.path("metadata").has("continue")).isFalse();
      assertThat(page.path("items").size()).isEqualTo(1);
    }
    assertThat(administrator.get(path + "/rad").status()).isEqualTo(404);
  }

  @Test
  void aWatchEndsWithTheRightToIt() {
    try (TestClient bob = BOB.client(server)) {
      CompletableFuture<Answered> watch = bob.getLater(ApiClient.streams("blue") + "?watch=true");
      administrator.post(ApiClient.streams("blue"), STREAM.formatted("first"));
      objects.delete("bob.yaml");
      await().until(() -> bob.get(ApiClient.streams("blue")).status() == 403);

      administrator.post(ApiClient.streams("blue"), STREAM.formatted("second"));

      assertThat(watch.join().text()).doesNotContain("second");
    }
  }

  @Test
  void changesArePutDownAndQuestionsAndTrialsAreNot() {
    administrator.post(ApiClient.streams("blue"), STREAM.formatted("app"));
    String path = ApiClient.streams("blue") + "/app";
    administrator.patch(path, MERGE, "{'metadata':{'annotations':{'a':'b'}}}");
    administrator.patch(path + "?dryRun=All", MERGE, "{'metadata':{'annotations':{'a':'c'}}}");
    administrator.send("DELETE", path, "application/json", "{'dryRun':['All']}");
    administrator.post(
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "{'spec':{'resourceAttributes':{'namespace':'blue','verb':'get','resource':'pods'}}}");
    administrator.delete(path);

    await().until(() -> deeds().contains("deleted ImageStream blue/app"));
    assertThat(deeds())
        .containsExactly(
            "created Namespace red",
            "created ImageStream blue/app",
            "changed ImageStream blue/app",
            "deleted ImageStream blue/app");
  }

  /** Returns what the audit says was done. */
  private List<String> deeds() {
    return server.log().stream()
        .filter(line -> line.contains("\"audit\":\"done\"") && line.contains("\"did\":\""))
        .map(line -> line.replaceFirst(".*\"did\":\"([^\"]*)\".*", "$1"))
        .toList();
  }

  @Test
  void theGlobalPullSecretHasToBeOne() {
    String path = "/api/v1/namespaces/openshift-config/secrets";
    ApiClient.Said refused =
        administrator.post(path, "{'metadata':{'name':'pull-secret'},'stringData':{'a':'b'}}");

    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.message()).contains("type Opaque is no pull secret");
    ApiClient.Said other =
        administrator.post(path, "{'metadata':{'name':'another'},'stringData':{'a':'b'}}");
    assertThat(other.status()).as(other.message()).isEqualTo(201);
  }

  @Test
  void aPageCannotAdministerWhateverItCallsItsText() {
    for (String type : List.of("text/plain", "TEXT/PLAIN", "Text/Plain; charset=utf-8")) {
      Answered answered =
          alice.send("POST", "/admin/prune", type, "{\"confirm\":true}".getBytes(UTF_8));
      assertThat(answered.status()).as(type).isEqualTo(403);
    }
  }
}
