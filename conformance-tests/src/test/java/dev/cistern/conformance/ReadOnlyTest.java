package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server that nobody may change, and a caller who may only add. */
class ReadOnlyTest {
  private static final String MANIFESTS = "/v2/project/app/manifests/";
  private static final String UPLOADS = "/v2/project/app/blobs/uploads/";
  private static final String BYTES = "application/octet-stream";
  private static final int RACERS = 8;

  @TempDir Path directory;

  private final byte[] layer = Samples.bytes(4_000, 21);
  private final byte[] manifest = Samples.manifestOf(List.of(layer));

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  @BeforeEach
  void bind() {
    objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("admin.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    objects.put("b.yaml", ObjectFiles.binding("project", "registry-editor", "User", "bob"));
    objects.put(
        "role.yaml",
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: creator}
        rules:
        - {apiGroups: [image.openshift.io], resources: [imagestreams/layers], verbs: [get, create]}
        """);
    objects.put("c.yaml", ObjectFiles.binding("project", "creator", "User", "carol"));
    ObjectFiles.replace(directory.resolve("users"), ALICE.line() + BOB.line() + CAROL.line());
  }

  @Test
  void aReadOnlyServerIsChangedByNobody() {
    String session;
    try (CisternServer server = server("");
        TestClient alice = ALICE.client(server)) {
      push(alice);
      session = alice.post(UPLOADS, BYTES, "").header("Location");
    }
    try (CisternServer server = server(", readOnly: true");
        TestClient alice = ALICE.client(server);
        TestClient bob = BOB.client(server)) {
      for (TestClient client : List.of(alice, bob)) {
        String blob = Samples.digest(layer);
        List<Answered> changes =
            List.of(
                client.post(UPLOADS, BYTES, ""),
                client.pushBlob("project/app", Samples.bytes(10, 1)),
                client.post(UPLOADS + "?mount=" + blob + "&from=project/app", BYTES, ""),
                client.send("PATCH", session, BYTES, layer),
                client.send("PUT", session + "?digest=" + blob, BYTES, layer),
                client.delete(session),
                client.putManifest(MANIFESTS + "v1", Samples.manifest("another")),
                client.putManifest(MANIFESTS + "v2", manifest),
                client.putManifest(MANIFESTS + Samples.digest(manifest), manifest),
                client.delete(MANIFESTS + "v1"),
                client.delete(MANIFESTS + Samples.digest(manifest)),
                client.delete("/v2/project/app/blobs/" + blob));
        assertThat(changes)
            .allSatisfy(refused -> {
              assertThat(refused.status()).isEqualTo(405);
              assertThat(refused.text()).contains("UNSUPPORTED", "this server is read-only");
            });
        assertThat(client.get(MANIFESTS + "v1").bytes()).isEqualTo(manifest);
        assertThat(client.get("/v2/project/app/tags/list").text()).contains("[\"v1\"]");
        assertThat(client.get("/v2/project/app/blobs/" + blob).bytes()).isEqualTo(layer);
      }
    }
  }

  @Test
  void ofThoseWhoMayOnlyCreateOneSetsATagHoweverTheyRace() throws InterruptedException {
    try (CisternServer server = server("");
        TestClient alice = ALICE.client(server);
        TestClient carol = CAROL.client(server)) {
      push(alice);
      for (String tag : List.of("latest", "v2", "2.0")) {
        List<Answered> answers = race(carol, tag);

        assertThat(answers.stream().map(Answered::status)).containsOnlyOnce(201);
        assertThat(answers.stream().map(Answered::status)).containsOnly(201, 403);
        int winner = answers.stream().map(Answered::status).toList().indexOf(201);
        assertThat(alice.get(MANIFESTS + tag).bytes()).isEqualTo(candidate(tag, winner));
      }
      assertThat(carol.delete(MANIFESTS + "v2").status()).isEqualTo(403);
    }
  }

  private static List<Answered> race(TestClient client, String tag) throws InterruptedException {
    var start = new CountDownLatch(1);
    var answers = new ArrayList<Future<Answered>>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < RACERS; i++) {
        byte[] candidate = candidate(tag, i);
        answers.add(
            threads.submit(() -> {
              start.await();
              return client.putManifest(MANIFESTS + tag, candidate);
            }));
      }
      start.countDown();
      var found = new ArrayList<Answered>();
      for (Future<Answered> answer : answers) {
        found.add(answer.get());
      }
      return found;
    } catch (ExecutionException e) {
      throw new AssertionError("no answer", e);
    }
  }

  private static byte[] candidate(String tag, int number) {
    return Samples.manifest(tag + " of racer " + number);
  }

  private CisternServer server(String more) {
    return new TestConfig(directory)
        .line("resources: [" + objects.directory() + "]")
        .line("access: {users: " + directory.resolve("users") + ", anonymous: none" + more + "}")
        .start();
  }

  private void push(TestClient client) {
    for (byte[] each : List.of(layer, "{}".getBytes(UTF_8))) {
      assertThat(client.pushBlob("project/app", each).status()).isEqualTo(201);
    }
    assertThat(client.putManifest(MANIFESTS + "v1", manifest).status()).isEqualTo(201);
  }
}
