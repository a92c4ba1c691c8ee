package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The API of objects as clients other than {@code oc} may use it, and what it refuses. */
class ApiTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final String JSON = "application/json";
  private static final String MERGE = "application/merge-patch+json";
  private static final String PATCH = "application/json-patch+json";
  private static final String STREAM =
      "{'kind':'ImageStream','apiVersion':'image.openshift.io/v1','metadata':{'name':'%s'%s}%s}";

  @TempDir Path directory;

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private ApiClient api;

  @BeforeEach
  void start() {
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("idms.yaml", ObjectFiles.idms("a.example/one", "b.example/one", ""));
    server = new TestConfig(directory).line("resources: [" + objects.directory() + "]").start();
    api = new ApiClient(server);
    api.makeNamespace("team");
  }

  @AfterEach
  void stop() {
    api.close();
    server.close();
  }

  private JsonNode made(String name, String metadata, String rest) {
    ApiClient.Said said =
        api.post(ApiClient.streams("team"), STREAM.formatted(name, metadata, rest));
    assertThat(said.status()).as(said.message()).isEqualTo(201);
    return said.json();
  }

  private static List<String> names(JsonNode list) {
    return list.path("items")
        .valueStream()
        .map(item -> item.path("metadata").path("name").asString())
        .toList();
  }

  @Test
  void objectsAreMadeChangedAndRemoved() {
    JsonNode made = made("app", ",'labels':{'tier':'web'}", "");
    assertThat(made.path("metadata").path("uid").asString()).hasSize(36);
    assertThat(made.path("metadata").path("generation").asInt()).isEqualTo(1);
    String path = ApiClient.streams("team") + "/app";

    JsonNode merged =
        api.patch(path, MERGE, "{'metadata':{'annotations':{'a':'b'},'labels':null}}").json();
    assertThat(merged.path("metadata").path("annotations").path("a").asString()).isEqualTo("b");
    assertThat(merged.path("metadata").has("labels")).isFalse();
    JsonNode patched =
        api.patch(path, PATCH, "[{'op':'add','path':'/spec/lookupPolicy','value':{'local':true}}]")
            .json();
    assertThat(patched.path("spec").path("lookupPolicy").path("local").asBoolean()).isTrue();
    JsonNode applied =
        api.patch(
                path + "?fieldManager=test",
                "application/apply-patch+yaml",
                STREAM.formatted("app", ",'annotations':{'c':'d'}", ""))
            .json();
    assertThat(applied.path("metadata").path("annotations").path("c").asString()).isEqualTo("d");

    assertThat(api.delete(path).json().path("status").asString()).isEqualTo("Success");
    assertThat(api.get(path).status()).isEqualTo(404);
  }

  @Test
  void whoChangesWhatHeHasNotSeenIsRefused() {
    made("app", "", "");
    String path = ApiClient.streams("team") + "/app";
    var seen = (ObjectNode) api.get(path).json();
    api.patch(path, MERGE, "{'metadata':{'annotations':{'a':'b'}}}");

    ((ObjectNode) seen.path("metadata")).putObject("labels").put("a", "b");
    ApiClient.Said refused = api.put(path, seen);

    assertThat(refused.status()).isEqualTo(409);
    assertThat(refused.reason()).isEqualTo("Conflict");
    assertThat(refused.message())
        .isEqualTo(
            "Operation cannot be fulfilled on imagestreams.image.openshift.io \"app\": the object"
                + " has been modified; please apply your changes to the latest version and try"
                + " again");
    assertThat(api.get(path).json().path("metadata").has("labels")).isFalse();
  }

  @Test
  void listsAreSelectedAndComeInPages() {
    IntStream.range(0, 5)
        .forEach(i -> made("app" + i, ",'labels':{'parity':'%d'}".formatted(i % 2), ""));
    String path = ApiClient.streams("team");

    assertThat(names(api.get(path + "?labelSelector=parity%3D1").json()))
        .containsExactly("app1", "app3");
    assertThat(names(api.get(path + "?labelSelector=parity+notin+(1)").json()))
        .containsExactly("app0", "app2", "app4");
    assertThat(names(api.get(path + "?fieldSelector=metadata.name%3Dapp2").json()))
        .containsExactly("app2");
    JsonNode first = api.get(path + "?limit=2").json();
    assertThat(names(first)).containsExactly("app0", "app1");
    String next = first.path("metadata").path("continue").asString();
    assertThat(names(api.get(path + "?limit=9&continue=" + next).json()))
        .containsExactly("app2", "app3", "app4");
    assertThat(api.get(path + "?labelSelector=%3D%3D").status()).isEqualTo(400);
    assertThat(api.get(path + "?continue=odd").status()).isIn(400, 410);
    ApiClient.Said future = api.get(path + "?watch=true&resourceVersion=999999");
    assertThat(future.status()).isEqualTo(410);
    assertThat(future.message()).contains("too large resource version: 999999");
  }

  @Test
  void whatHappensIsWatchedFromARevisionOn() {
    made("first", "", "");
    String revision =
        api.get(ApiClient.streams("team"))
            .json()
            .path("metadata")
            .path("resourceVersion")
            .asString();
    try (var streams =
            new Watch(ApiClient.streams("team") + "?watch=1&resourceVersion=" + revision);
        var tags = new Watch(ApiClient.tags("team") + "?watch=1&resourceVersion=" + revision)) {
      try (var client = new TestClient(server)) {
        byte[] layer = Samples.bytes(100, 1);
        client.pushBlob("team/second", layer);
        client.putManifest("/v2/team/second/manifests/v1", Samples.manifestOf(List.of(layer)));
      }
      api.patch(
          ApiClient.streams("team") + "/first", MERGE, "{'metadata':{'annotations':{'a':'b'}}}");
      api.delete(ApiClient.streams("team") + "/second");

      await()
          .atMost(PATIENCE)
          .untilAsserted(() ->
              assertThat(streams.seen)
                  .containsExactly("ADDED second", "MODIFIED first", "DELETED second"));
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () -> assertThat(tags.seen).containsExactly("ADDED second:v1", "DELETED second:v1"));
    }
  }

  /** A watch, read on a thread of its own until it is closed. */
  private final class Watch implements AutoCloseable {
    private final Queue<String> seen = new ConcurrentLinkedQueue<>();
    private final HttpClient http = HttpClient.newHttpClient();

    Watch(String path) {
      var answered = new CompletableFuture<Integer>();
      Thread.ofVirtual().start(() -> read(path, answered));
      assertThat(answered.join()).isEqualTo(200);
    }

    private void read(String path, CompletableFuture<Integer> answered) {
      try {
        HttpResponse<Stream<String>> answer =
            http.send(
                HttpRequest.newBuilder(server.uri(path)).build(),
                HttpResponse.BodyHandlers.ofLines());
        answered.complete(answer.statusCode());
        answer.body().forEach(this::see);
      } catch (IOException | InterruptedException | UncheckedIOException over) {
        answered.completeExceptionally(over); // of no effect once it has begun: the test is over
      }
    }

    private void see(String line) {
      JsonNode event = JsonMapper.shared().readTree(line);
      seen.add(
          event.path("type").asString()
              + " "
              + event.path("object").path("metadata").path("name").asString());
    }

    @Override
    public void close() {
      http.shutdownNow();
    }
  }

  @Test
  void objectsOfFilesAreShownAndRefuseChanges() {
    String path = "/apis/config.openshift.io/v1/imagedigestmirrorsets/one";
    assertThat(api.get(path).status()).isEqualTo(200);

    ApiClient.Said refused = api.delete(path);

    assertThat(refused.status()).isEqualTo(409);
    assertThat(refused.message()).contains("it is in the file", "idms.yaml", "change it there");
    assertThat(api.get(path).status()).isEqualTo(200);
  }

  @Test
  void clientsMayLeaveTheCheckOfObjectsToTheServer() {
    JsonNode documents = api.get("/openapi/v3").json().path("paths");
    String at = documents.path("apis/image.openshift.io/v1").path("serverRelativeURL").asString();

    JsonNode patch =
        api.get(at)
            .json()
            .path("paths")
            .path("/apis/image.openshift.io/v1/namespaces/{namespace}/imagestreams/{name}")
            .path("patch");

    assertThat(patch.path("parameters").valueStream().map(one -> one.path("name").asString()))
        .contains("fieldValidation");
    assertThat(patch.path("x-kubernetes-group-version-kind").path("kind").asString())
        .isEqualTo("ImageStream");
    assertThat(api.get("/openapi/v3/apis/odd.example/v1").status()).isEqualTo(404);
  }

  @Test
  void whatIsThereByItselfCannotBeDeleted() {
    ApiClient.Said refused = api.delete("/api/v1/namespaces/default");

    assertThat(refused.status()).isEqualTo(409);
    assertThat(refused.message()).contains("nobody made it");
  }

  @Test
  void whatIsOnlyTriedChangesNothing() {
    made("app", "", "");
    String stream = ApiClient.streams("team") + "/app";
    String tag = ApiClient.tags("team") + "/app:v1";
    String v1 =
        "{'metadata':{'name':'app:v1'},'tag':{'reference':true,'from':{'kind':'DockerImage','name':'quay.io/a/b:1'}}}";

    assertThat(api.send("PUT", tag + "?dryRun=All", JSON, v1).status()).isEqualTo(201);
    assertThat(api.get(stream).json().path("spec").has("tags")).isFalse();
    assertThat(api.send("PUT", tag, JSON, v1).status()).isEqualTo(201);
    assertThat(api.delete(tag + "?dryRun=All").status()).isEqualTo(200);
    assertThat(api.send("DELETE", tag, JSON, "{'dryRun':['All']}").status()).isEqualTo(200);
    assertThat(api.send("DELETE", stream, JSON, "{'dryRun':['All']}").status()).isEqualTo(200);
    ApiClient.Said tried =
        api.patch(stream + "/status?dryRun=All", MERGE, "{'status':{'tags':null}}");
    assertThat(tried.status()).as(tried.message()).isEqualTo(200);
    assertThat(api.history("team", "app")).containsKey("v1");
  }

  @Test
  void aNameThatCouldNotBeReadAgainIsNotStored() {
    made("app", ",'annotations':{'a':'b'}", "");
    String path = ApiClient.streams("team") + "/app";

    ApiClient.Said refused =
        api.patch(
            path,
            PATCH,
            "[{'op':'add','path':'/metadata/annotations/%s','value':'x'}]"
                .formatted("a".repeat(60_000)));

    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.message())
        .contains("the name of a field has 60000 characters, at most 1000 are stored");
    assertThat(names(api.get(ApiClient.streams("team")).json())).containsExactly("app");
  }

  @Test
  void soManyImagesAreImportedAtOnce() {
    String image = "{'from':{'kind':'DockerImage','name':'quay.io/a/b:1'},'to':{'name':'v1'}}";
    ApiClient.Said refused =
        api.post(
            ApiClient.IMAGES + "/namespaces/team/imagestreamimports",
            "{'metadata':{'name':'app'},'spec':{'import':true,'images':["
                + (image + ",").repeat(200)
                + image
                + "]}}");

    assertThat(refused.status()).isEqualTo(422);
    assertThat(refused.message()).contains("at most 200 images can be imported at once");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "application/json|{|400|BadRequest",
        "application/json|[]|400|BadRequest",
        "application/json|{'kind':'Secret','apiVersion':'v1'}|400|BadRequest",
        "application/json|{'metadata':{'name':'Not_A_Name'}}|422|Invalid",
        "application/json|{'metadata':{}}|422|Invalid",
        "application/json|{'metadata':{'name':'a','name':'b'}}|400|BadRequest",
        "text/plain|{}|403|Forbidden",
        "application/vnd.kubernetes.protobuf|{}|400|BadRequest",
      })
  void badObjectsAreRefused(String type, String body, int status, String reason) {
    ApiClient.Said said = api.send("POST", ApiClient.streams("team"), type, body);

    assertThat(said.status()).as(said.message()).isEqualTo(status);
    assertThat(said.reason()).isEqualTo(reason);
    assertThat(said.json().path("kind").asString()).isEqualTo("Status");
    assertThat(names(api.get(ApiClient.streams("team")).json())).isEmpty();
  }

  @Test
  void annotationsHaveAtMost256KiBHoweverTheyCome() {
    String secrets = "/api/v1/namespaces/team/secrets";
    String form = "{'metadata':{'name':'%s','annotations':{'a':'%s'}}}";
    String most = "x".repeat((256 << 10) - 1);
    String tooLong = "metadata.annotations: Too long: may not be more than 262144 bytes";

    assertThat(api.post(secrets, form.formatted("most", most)).status()).isEqualTo(201);
    ApiClient.Said made = api.post(secrets, form.formatted("more", most + "x"));
    ApiClient.Said patched =
        api.patch(
            secrets + "/most",
            "application/merge-patch+json",
            "{'metadata':{'annotations':{'b':''}}}");
    for (ApiClient.Said said : List.of(made, patched)) {
      assertThat(said.status()).as(said.message()).isEqualTo(422);
      assertThat(said.reason()).isEqualTo("Invalid");
      assertThat(said.message()).endsWith(tooLong);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "application/merge-patch+json|{|400",
        "application/merge-patch+json|[]|400",
        "application/json-patch+json|{}|400",
        "application/json-patch+json|[{'op':'odd','path':'/a'}]|400",
        "application/json-patch+json|[{'op':'remove','path':'/spec/none'}]|422",
        "application/json-patch+json|[{'op':'test','path':'/metadata/name','value':'b'}]|422",
        "application/strategic-merge-patch+json|[]|400",
        "application/xml|{}|415",
      })
  void badPatchesAreRefusedAndChangeNothing(String type, String body, int status) {
    made("app", "", "");
    String path = ApiClient.streams("team") + "/app";
    JsonNode before = api.get(path).json();

    ApiClient.Said said = api.patch(path, type, body);

    assertThat(said.status()).as(said.message()).isEqualTo(status);
    assertThat(said.message()).isNotBlank();
    assertThat(api.get(path).json()).isEqualTo(before);
  }

  @Test
  void whatIsNotThereIsSaidByItsName() {
    ApiClient.Said stream = api.get(ApiClient.streams("team") + "/none");
    assertThat(stream.message()).isEqualTo("imagestreams.image.openshift.io \"none\" not found");
    ApiClient.Said namespace =
        api.post(ApiClient.streams("nowhere"), STREAM.formatted("app", "", ""));
    assertThat(namespace.status()).isEqualTo(404);
    assertThat(namespace.message()).isEqualTo("namespaces \"nowhere\" not found");
    assertThat(api.get("/apis/image.openshift.io/v1/odd").status()).isEqualTo(404);
    assertThat(api.get("/apis/odd.example/v1").status()).isEqualTo(404);
    assertThat(api.delete(ApiClient.tags("team") + "/none:v1").status()).isEqualTo(404);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'from':{'kind':'Odd','name':'a:b'}}|valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'",
        "{'from':{'kind':'ImageStreamTag','name':'other:v1'},'importPolicy':{'scheduled':true}}|only tags pointing to Docker repositories may be scheduled for background import",
        "{'from':{'kind':'DockerImage','name':'A b'}}|not a repository name",
        "{'from':{'kind':'ImageStreamImage','name':'app@sha256:12'}}|not found",
      })
  void badTagsAreRefused(String tag, String expected) {
    made("app", "", "");

    ApiClient.Said said =
        api.send(
            "PUT",
            ApiClient.tags("team") + "/app:v1",
            JSON,
            "{'kind':'ImageStreamTag','apiVersion':'image.openshift.io/v1','metadata':{'name':'app:v1'},'tag':"
                + tag
                + "}");

    assertThat(said.status()).as(said.message()).isEqualTo(422);
    assertThat(said.message().replace('"', '\'')).contains(expected);
    assertThat(api.get(ApiClient.tags("team") + "/app:v1").status()).isEqualTo(404);
  }

  @Test
  void tagsOfNamespacesThatOneMayNotPullFromAreRefused() {
    var objects = new ObjectFiles(directory.resolve("bound"));
    objects.put("alice.yaml", ObjectFiles.binding("", "cluster-admin", "User", ALICE.user()));
    objects.put("bob.yaml", ObjectFiles.binding("blue", "registry-editor", "User", BOB.user()));
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line() + BOB.line());
    Path other = directory.resolve("other");
    assertThat(other.toFile().mkdir()).isTrue();
    try (CisternServer asking =
            new TestConfig(other)
                .line("resources: [" + objects.directory() + "]")
                .line("access: {users: " + users + ", anonymous: none}")
                .start();
        var alice = new ApiClient(ALICE.client(asking));
        var bob = new ApiClient(BOB.client(asking))) {
      Stream.of("red", "blue").forEach(alice::makeNamespace);
      alice.post(ApiClient.streams("red"), STREAM.formatted("secret", "", ""));
      String tag =
          STREAM.formatted(
              "app",
              "",
              ",'spec':{'tags':[{'name':'v1','from':{'kind':'ImageStreamTag','namespace':'red','name':'secret:v1'}}]}");

      ApiClient.Said refused = bob.post(ApiClient.streams("blue"), tag);

      assertThat(refused.status()).isEqualTo(422);
      assertThat(refused.message()).contains("red/secret");
      assertThat(alice.post(ApiClient.streams("blue"), tag).status()).isEqualTo(201);
      assertThat(bob.get(ApiClient.streams("red") + "/secret").status()).isEqualTo(403);
    }
  }
}
