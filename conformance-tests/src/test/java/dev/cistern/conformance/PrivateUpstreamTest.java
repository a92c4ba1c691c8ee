package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.Accounts.CAROL;
import static dev.cistern.conformance.Accounts.DAVE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What comes from an upstream that this server has a pull secret for: bob may pull from its
 * namespace, carol may not; dave may, and from that of a mirror here too.
 */
class PrivateUpstreamTest {
  private static final String HOST = "source.example";
  private static final String SELF = "here.example";
  private static final String BY_HOST = "/v2/source.example/team/app";
  private static final String COPY = "blue/app";
  private static final String SECRET = "up-s3cret";

  @TempDir Path directory;

  private final UpstreamRegistry upstream = UpstreamRegistry.start();
  private final byte[] layer = Samples.bytes(80_000, 11);
  private final byte[] manifest = Samples.manifestOf(List.of(layer));
  private final byte[] pushedLayer = Samples.bytes(3_000, 12);
  private final byte[] pushed = Samples.manifestOf(List.of(pushedLayer));

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient alice;

  @SuppressWarnings("NullAway.Init")
  private TestClient bob;

  @SuppressWarnings("NullAway.Init")
  private TestClient carol;

  @SuppressWarnings("NullAway.Init")
  private TestClient dave;

  @SuppressWarnings("NullAway.Init")
  private TestClient nobody;

  @BeforeEach
  void start() {
    upstream.addBlob("team/app", layer);
    upstream.addManifest("team/app", manifest, "v1");
    upstream.demand(TokenService.basic("robot", SECRET), Answer.basicChallenge());
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put(
        "secret.yaml", ObjectFiles.pullSecret(ObjectFiles.dockerConfig("robot", SECRET, HOST)));
    objects.put("itms.yaml", ObjectFiles.itms(HOST + "/team/app", SELF + "/" + COPY, ""));
    objects.put("idms.yaml", ObjectFiles.idms(HOST + "/team/app", SELF + "/" + COPY, ""));
    objects.put("alice.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    for (String of : List.of("source.example bob", "project carol", "source.example dave")) {
      bind(objects, of);
    }
    bind(objects, "blue dave");
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, ALICE.line() + BOB.line() + CAROL.line() + DAVE.line());
    server =
        new TestConfig(directory)
            .registry(HOST, upstream, "insecure: true")
            .line("names: [" + SELF + "]")
            .line("absence: 1ms")
            .line("resources: [" + objects.directory() + "]")
            .line("access: {users: " + users + ", anonymous: none}")
            .start();
    alice = ALICE.client(server);
    bob = BOB.client(server);
    carol = CAROL.client(server);
    dave = DAVE.client(server);
    nobody = new TestClient(server);
  }

  private static void bind(ObjectFiles objects, String namespaceAndUser) {
    String[] of = namespaceAndUser.split(" ", -1);
    objects.put(
        of[0] + "-" + of[1] + ".yaml",
        ObjectFiles.binding(of[0], "system:image-puller", "User", of[1]));
  }

  @AfterEach
  void stop() {
    Stream.of(alice, bob, carol, dave, nobody).forEach(TestClient::close);
    server.close();
    upstream.close();
    assertThat(String.join("\n", server.log())).doesNotContain("s3cret");
  }

  @Test
  void whoIsNotBoundIsDeniedBeforeTheUpstreamIsAsked() {
    for (String path : paths()) {
      assertThat(carol.get(path).status()).as(path).isEqualTo(403);
      assertThat(nobody.get(path).status()).as(path).isEqualTo(401);
    }
    assertThat(upstream.requests()).isEmpty();
  }

  @Test
  void whatOneHasWarmedIsDeniedToAnotherHoweverItIsAsked() {
    for (String path : paths()) {
      for (int i = 0; i < 2; i++) {
        Answered given = bob.get(path);
        assertThat(given.status()).as(path + " " + given.text()).isEqualTo(200);
      }
    }
    for (String path : paths()) {
      for (int i = 0; i < 2; i++) {
        assertThat(carol.get(path).status()).as(path).isEqualTo(403);
        assertThat(carol.head(path).status()).as(path).isEqualTo(403);
        assertThat(nobody.get(path).status()).as(path).isEqualTo(401);
      }
    }
    assertThat(bob.get("/v2/_catalog").text()).contains("[\"source.example/team/app\"]");
    assertThat(carol.get("/v2/_catalog").text()).contains("[]");
  }

  @Test
  void aMirrorHereIsAskedByItsOwnNamespace() {
    for (String path : suffixes()) {
      String there = "/v2/" + COPY + path;
      assertThat(dave.get(there).status()).as(there).isEqualTo(200);
      assertThat(dave.get(there).status()).as(there).isEqualTo(200);
      assertThat(bob.get(there).status()).as(there).isEqualTo(403);
      assertThat(carol.get(there).status()).as(there).isEqualTo(403);
    }
    assertThat(bob.get("/v2/_catalog").text()).doesNotContain(COPY);
  }

  @Test
  void byTheNameOfTheSourceOneGetsFromAMirrorHereOnlyWhatOneMayPullThere() {
    push("v9");
    List<String> theirs =
        List.of(
            "/manifests/v9",
            "/manifests/" + Samples.digest(pushed),
            "/blobs/" + Samples.digest(pushedLayer));
    for (int i = 0; i < 2; i++) {
      for (String path : theirs) {
        assertThat(bob.get(BY_HOST + path).status()).as(path).isEqualTo(404);
        assertThat(bob.head(BY_HOST + path).status()).as(path).isEqualTo(404);
        assertThat(dave.get(BY_HOST + path).status()).as(path).isEqualTo(200);
        assertThat(dave.get(BY_HOST + path).status()).as(path).isEqualTo(200);
      }
    }
    assertThat(bob.get(BY_HOST + "/tags/list").text()).doesNotContain("v9");
  }

  @Test
  void whatIsDeletedFromAMirrorHereIsGoneByTheNameOfTheSourceAtOnce() {
    push("v9");
    String path = BY_HOST + "/manifests/v9";
    assertThat(dave.get(path).bytes()).isEqualTo(pushed);
    assertThat(dave.get(path).bytes()).isEqualTo(pushed);

    assertThat(alice.delete("/v2/" + COPY + "/manifests/v9").status()).isEqualTo(202);

    assertThat(dave.get(path).status()).isEqualTo(404);
  }

  private void push(String tag) {
    for (byte[] each : List.of(pushedLayer, "{}".getBytes(UTF_8))) {
      assertThat(alice.pushBlob(COPY, each).status()).isEqualTo(201);
    }
    assertThat(alice.putManifest("/v2/" + COPY + "/manifests/" + tag, pushed).status())
        .isEqualTo(201);
  }

  private List<String> paths() {
    return Stream.concat(
            suffixes().stream().map(path -> BY_HOST + path),
            suffixes().stream().map(path -> "/v2/team/app" + path + "?ns=" + HOST))
        .toList();
  }

  private List<String> suffixes() {
    return List.of(
        "/manifests/v1",
        "/manifests/" + Samples.digest(manifest),
        "/blobs/" + Samples.digest(layer),
        "/tags/list",
        "/referrers/" + Samples.digest(manifest));
  }
}
