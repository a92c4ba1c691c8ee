package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdminTest {
  private static final int LAYER_BYTES = 300_000;

  private static UpstreamRegistry upstream;
  private static CisternServer server;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    String credentials =
        TestConfig.credentials(
            directory,
            "secret.json",
            "\"" + upstream.host() + "\":{\"auth\":\"cm9ib3Q6aGlkZGVu\"}");
    server =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true", credentials)
            .registry("eager", upstream, "insecure: true", "prefetch: [linux/amd64]")
            .start();
  }

  @AfterAll
  static void stop() {
    server.close();
    upstream.close();
  }

  @BeforeEach
  void forget() {
    upstream.heal();
    upstream.forget();
  }

  @Test
  void whySaysWhereFromByWhichRuleAndWhoseCredentialsAndAsksNobody() {
    CisternCommand why = run("why", "up/team/app:v1");

    assertThat(why.status()).isZero();
    assertThat(why.output())
        .contains("repository: up/team/app\n")
        .contains("rule: the name begins with up\n")
        .contains("here: no\n")
        .contains(
            "source 1: team/app at " + upstream.url() + ", credentials robot:*** of ",
            upstream.host() + " in ",
            "secret.json\n")
        .doesNotContain("hidden");
    assertThat(upstream.requests()).isEmpty();
  }

  @Test
  void whySaysWhatIsHereAndHowFresh() {
    String digest = image("known", 1, "v1");
    assertThat(pull("/v2/up/known/manifests/v1").statusCode()).isEqualTo(200);

    assertThat(run("why", "up/known:v1").output())
        .containsPattern("here: " + digest + ", cached, checked 20\\S+, fresh until 20\\S+\n");
    assertThat(run("why", "up/known@" + digest, "-o", "json").output())
        .contains("\"here\":{\"digest\":\"" + digest + "\"");
    assertThat(run("why", "pushed/here:v1").output()).contains("it is what was pushed here");
  }

  @Test
  void refreshAsksNowAndTellsWhatChanged() {
    String first = image("moving", 2, "v1");
    assertThat(run("refresh", "up/moving:v1").output()).isEqualTo(first + ", new here\n");
    assertThat(run("refresh", "up/moving:v1").output()).isEqualTo(first + ", as before\n");

    String second = image("moving", 3, "v1");
    assertThat(run("refresh", "up/moving:v1").output())
        .isEqualTo(second + ", before " + first + "\n");
    assertThat(pull("/v2/up/moving/manifests/v1").headers().firstValue("Docker-Content-Digest"))
        .contains(second);
  }

  @Test
  void refreshForgetsThatSomethingWasMissing() {
    assertThat(pull("/v2/up/late/manifests/v1").statusCode()).isEqualTo(404);
    String digest = image("late", 4, "v1");

    assertThat(run("refresh", "up/late:v1").output()).isEqualTo(digest + ", new here\n");
  }

  @Test
  void pinKeepsAnImageAndPurgeRemovesOne() {
    String digest = image("kept", 7, "v1");
    assertThat(pull("/v2/up/kept/manifests/v1").statusCode()).isEqualTo(200);

    assertThat(run("pin", "up/kept:v1").output()).isEqualTo("pinned\n");
    assertThat(run("pin", "up/kept:v1").output()).isEqualTo("pinned, as before\n");
    assertThat(run("why", "up/kept:v1").output()).contains("pinned: it is not evicted\n");
    CisternCommand refused = run("purge", "up/kept:v1");
    assertThat(refused.status()).isEqualTo(1);
    assertThat(refused.output()).contains("v1 in repository up/kept is pinned; unpin it first");

    assertThat(run("unpin", "up/kept:v1").output()).isEqualTo("not pinned any more\n");
    assertThat(run("unpin", "up/kept:v1").output()).isEqualTo("was not pinned\n");
    assertThat(run("purge", "up/kept:v1").output()).startsWith("removed, with ");
    assertThat(run("why", "up/kept@" + digest).output()).contains("here: no\n");
    assertThat(run("purge", "up/kept:v1").output())
        .contains("there is no v1 in repository up/kept");
  }

  @Test
  void whatWasPushedIsNotPurged() throws Exception {
    byte[] manifest = manifest("pushed", layer(8));
    HttpRequest put =
        HttpRequest.newBuilder(server.uri("/v2/pushed/manifests/v1"))
            .header("Content-Type", Samples.IMAGE)
            .PUT(BodyPublishers.ofByteArray(manifest))
            .build();
    try (HttpClient client = HttpClient.newHttpClient()) {
      assertThat(client.send(put, BodyHandlers.discarding()).statusCode()).isEqualTo(201);
    }

    assertThat(run("purge", "pushed:v1").output())
        .contains("v1 in repository pushed was pushed here; delete it");
  }

  @Test
  void preheatBringsTheWantedPlatformsWithTheirLayers() {
    byte[] amd64 = layer(5);
    byte[] arm64 = layer(6);
    String wanted = upstream.addManifest("many", manifest("many", amd64));
    String other = upstream.addManifest("many", manifest("many", arm64));
    index("many", wanted, other, "v1");

    CisternCommand preheat = run("preheat", "up/many:v1", "--platform", "linux/amd64");
    assertThat(preheat.output()).contains("\"state\":\"done\",\"images\":1,\"wanted\":1");
    assertThat(preheat.status()).isZero();

    upstream.always("GET", "", Answer.status(503));
    assertThat(pull("/v2/up/many/manifests/" + wanted).statusCode()).isEqualTo(200);
    assertThat(pull("/v2/up/many/blobs/" + Samples.digest(amd64)).body()).isEqualTo(amd64);
    assertThat(pull("/v2/up/many/manifests/" + other).statusCode()).isEqualTo(502);
  }

  @Test
  void anUpstreamMaySayThatLayersComeWithTheirTag() {
    byte[] amd64 = layer(9);
    byte[] arm64 = layer(10);
    String wanted = upstream.addManifest("many", manifest("many", amd64));
    String other = upstream.addManifest("many", manifest("many", arm64));
    index("many", wanted, other, "v2");

    assertThat(pull("/v2/eager/many/manifests/v2").statusCode()).isEqualTo(200);

    await()
        .untilAsserted(
            () -> assertThat(upstream.requests("GET", Samples.digest(amd64))).hasSize(1));
    upstream.always("GET", "", Answer.status(503));
    await()
        .untilAsserted(() ->
            assertThat(pull("/v2/eager/many/blobs/" + Samples.digest(amd64)).body())
                .isEqualTo(amd64));
    assertThat(pull("/v2/eager/many/manifests/" + other).statusCode()).isEqualTo(502);
  }

  private static void index(String repository, String amd64, String arm64, String tag) {
    String index =
        """
        {"schemaVersion":2,"mediaType":"%s","manifests":[
          {"mediaType":"%s","digest":"%s","size":1,"platform":{"os":"linux","architecture":"amd64"}},
          {"mediaType":"%s","digest":"%s","size":1,"platform":{"os":"linux","architecture":"arm64"}}]}
        """
            .formatted(Samples.INDEX, Samples.IMAGE, amd64, Samples.IMAGE, arm64);
    upstream.addIndex(repository, index.getBytes(UTF_8), tag);
  }

  @Test
  void aPreheatThatFailsSaysWhy() {
    CisternCommand preheat = run("preheat", "up/nothing:v1");

    assertThat(preheat.status()).isEqualTo(1);
    assertThat(preheat.output())
        .contains("\"state\":\"failed\"")
        .contains("error: preheat failed: no manifest v1 in repository up/nothing");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "why|2|Missing argument: REF",
        "why a b|2|Unexpected argument: b",
        "why UP/x|1|not a repository name",
        "why up/x -o yaml|2|text or json is expected",
        "why up/x --server ftp://a|2|a URL such as",
        "preheat|2|Missing argument: REF...",
        "preheat up/x --platform linux|1|not a platform",
        "refresh up/nothing-at-all:v1|1|no manifest v1"
      })
  void wrongQuestionsAreAnsweredWithWhatWouldBeRight(String line, int status, String text) {
    CisternCommand ran = run(line.split(" "));

    assertThat(ran.output()).contains(text);
    assertThat(ran.status()).isEqualTo(status);
  }

  @Test
  void whoIsNotOnThisMachineOrComesFromAWebPageIsRefused() throws Exception {
    URI refresh = server.uri("/admin/refresh");
    assertThat(post(refresh, "text/plain", "{\"reference\":\"up/x:v1\"}").statusCode())
        .as("a form of a web page can send this")
        .isEqualTo(403);
    assertThat(post(refresh, "application/json", "{").statusCode()).isEqualTo(400);
    assertThat(post(refresh, "application/json", "{\"reference\":5}").statusCode()).isEqualTo(400);
    assertThat(post(server.uri("/admin/preheat"), "application/json", "{}").statusCode())
        .isEqualTo(400);
    assertThat(pull("/admin/preheat?id=77").statusCode()).isEqualTo(404);
    assertThat(pull("/admin/nothing").statusCode()).isEqualTo(404);
    assertThat(pull("/admin/why").statusCode()).isEqualTo(400);
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send("GET /admin/why?ref=up/x HTTP/1.1\r\nHost: evil.example:5000\r\n\r\n");
      assertThat(connection.reply().status()).isEqualTo(403);
    }
  }

  /** A misspelled name would have the order be about everything. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/admin/add-role?namspace=up | {\"role\":\"cluster-admin\",\"users\":[\"eve\"]} | namspace",
        "/admin/add-role | {\"role\":\"cluster-admin\",\"users\":[\"eve\"],\"namespace\":\"up\"} | namespace",
        "/admin/remove-role | {\"role\":\"x\",\"user\":[\"eve\"]} | user",
        "/admin/token?ns=up | {} | ns",
        "/admin/prune | {\"confirm\":true,\"nampespace\":\"up\"} | nampespace",
        "/admin/prune?namespace=up | {\"confirm\":true} | namespace",
        "/admin/prune | {\"confirm\":true,\"namespace\":5} | namespace",
        "/admin/preheat | {\"references\":[\"up/x:v1\"],\"platform\":[\"linux/amd64\"]} | platform",
        "/admin/purge?dryRun=true | {\"reference\":\"up/x:v1\"} | dryRun",
        "/admin/pin | {\"reference\":\"up/x:v1\",\"dryRun\":true} | dryRun",
      })
  void namesThatNothingReadsAreRefused(String path, String body, String name) throws Exception {
    HttpResponse<String> refused = post(server.uri(path), "application/json", body);
    assertThat(refused.statusCode()).as(refused.body()).isEqualTo(400);
    assertThat(refused.body()).contains(name);
  }

  @Test
  void aServerOnHttpsIsTrustedByTheAuthorityThatIsNamed(@TempDir Path directory)
      throws IOException {
    TestIdentity identity = TestIdentity.make(directory);
    HttpsServer https =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    https.setHttpsConfigurator(new HttpsConfigurator(identity.context()));
    https.createContext(
        "/",
        exchange -> {
          byte[] body = "{\"rule\":\"told by https\"}".getBytes(UTF_8);
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    https.start();
    try {
      String url = "https://127.0.0.1:" + https.getAddress().getPort();
      assertThat(run("why", "x:v1", "--server", url).output())
          .contains("the certificate of " + url + " is not trusted", "--ca-file FILE");
      String caFile = identity.caFile().toString();
      assertThat(run("why", "x:v1", "--server", url, "--ca-file", caFile).output())
          .contains("rule: told by https");
    } finally {
      https.stop(0);
    }
  }

  private static byte[] layer(int seed) {
    byte[] layer = Samples.bytes(LAYER_BYTES, seed);
    upstream.addBlob("many", layer);
    return layer;
  }

  private static String image(String repository, int seed, String... tags) {
    byte[] layer = Samples.bytes(LAYER_BYTES, seed);
    upstream.addBlob(repository, layer);
    return upstream.addManifest(repository, manifest(repository, layer), tags);
  }

  private static byte[] manifest(String repository, byte[] layer) {
    byte[] config = "{}".getBytes(UTF_8);
    upstream.addBlob(repository, config);
    return """
    {"schemaVersion":2,"mediaType":"%s",
     "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},
     "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]}
    """
        .formatted(Samples.IMAGE, Samples.digest(config), Samples.digest(layer), layer.length)
        .getBytes(UTF_8);
  }

  private static HttpResponse<byte[]> pull(String path) {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(
          HttpRequest.newBuilder(server.uri(path)).build(), BodyHandlers.ofByteArray());
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static HttpResponse<String> post(URI uri, String type, String body) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(
          HttpRequest.newBuilder(uri)
              .header("Content-Type", type)
              .POST(BodyPublishers.ofString(body))
              .build(),
          BodyHandlers.ofString());
    }
  }

  private static CisternCommand run(String... words) {
    var arguments = new ArrayList<>(List.of(words));
    if (!arguments.contains("--server")) {
      arguments.addAll(List.of("--server", "http://" + server.host()));
    }
    return CisternCommand.run(arguments);
  }
}
