package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Tags of a server to which every cached tag is old at once ({@code freshness: 1ms}). */
class FreshnessTest {
  private static final byte[] OLD = Samples.manifest("old");
  private static final byte[] NEW = Samples.manifest("new");

  private static TestUpstreams upstreams;
  private static CisternServer server;
  private static TestClient client;

  private UpstreamRegistry upstream;
  private String repository;
  private String v1;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstreams = TestUpstreams.start(8);
    var config = new TestConfig(directory).line("patience: 500ms");
    server = upstreams.addTo(config, "insecure: true", "freshness: 1ms").start();
    client = new TestClient(server);
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstreams.close();
  }

  @BeforeEach
  void takeAnUpstream() {
    TestUpstreams.Turn turn = upstreams.take("team/app");
    upstream = turn.upstream();
    repository = turn.repository();
    v1 = turn.here() + "/manifests/v1";
  }

  @Test
  void aDigestIsNeverAskedForAgain() {
    String digest = upstream.addManifest(repository, OLD);
    String path = v1.replace("v1", digest);
    assertThat(client.get(path).bytes()).isEqualTo(OLD);
    upstream.forget();

    assertThat(client.get(path).bytes()).isEqualTo(OLD);
    assertThat(client.head(path).status()).isEqualTo(200);
    assertThat(upstream.requests()).isEmpty();
  }

  @Test
  void aTagThatHasNotMovedIsRevalidatedByHeadOnly() {
    warm();

    Answered answered = client.get(v1);

    assertThat(answered.bytes()).isEqualTo(OLD);
    assertThat(answered.cacheStatus()).startsWith("cistern; hit");
    assertThat(upstream.requests()).extracting(Received::method).containsExactly("HEAD");
  }

  @Test
  void aTagThatMovedIsFetched() {
    warm();
    upstream.addManifest(repository, NEW, "v1");

    assertThat(client.get(v1).bytes()).isEqualTo(NEW);
    assertThat(upstream.requests()).extracting(Received::method).containsExactly("HEAD", "GET");
  }

  @Test
  void aFreshTagIsNotAskedFor(@TempDir Path directory) {
    upstream.addManifest(repository, OLD, "v1");
    var config =
        new TestConfig(directory).upstream("up", upstream, "insecure: true", "freshness: 1h");
    try (CisternServer patient = config.start();
        TestClient there = new TestClient(patient)) {
      there.get("/v2/up/" + repository + "/manifests/v1");
      upstream.addManifest(repository, NEW, "v1");
      upstream.forget();

      Answered answered = there.get("/v2/up/" + repository + "/manifests/v1");

      assertThat(answered.bytes()).isEqualTo(OLD);
      assertThat(answered.cacheStatus()).matches("cistern; hit; ttl=3[56]\\d\\d");
      assertThat(upstream.requests()).isEmpty();
    }
  }

  @Test
  void manyClientsShareOneRevalidation(@TempDir Path directory) {
    upstream.addManifest(repository, OLD, "v1");
    var gate = new CountDownLatch(1);
    var config =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true", "freshness: 2s")
            .line("patience: 1m");
    try (CisternServer shared = config.start();
        TestClient there = new TestClient(shared)) {
      String path = "/v2/up/" + repository + "/manifests/v1";
      there.get(path);
      upstream.next("HEAD", "/manifests/", new Answer.Held(gate));
      var all = new ArrayList<CompletableFuture<Answered>>();
      await()
          .until(() -> {
            all.add(there.getLater(path));
            return !upstream.requests("HEAD", "/manifests/").isEmpty();
          });
      IntStream.range(0, 50).forEach(i -> all.add(there.getLater(path)));
      gate.countDown();

      assertThat(all).allSatisfy(answered -> assertThat(answered.join().bytes()).isEqualTo(OLD));
      assertThat(upstream.requests("HEAD", "/manifests/")).hasSize(1);
      assertThat(upstream.requests("GET", "/manifests/")).hasSize(1);
    }
  }

  static Stream<Answer> failures() {
    return Stream.of(
        Answer.status(401),
        Answer.basicChallenge(),
        Answer.status(403),
        Answer.throttled("30"),
        Answer.status(503),
        new Answer.HungUp(),
        new Answer.Held(new CountDownLatch(1)),
        new Answer.HeldInHead(new CountDownLatch(1)));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void staleBeatsBroken(Answer failure) {
    warm();
    upstream.always("HEAD", "/manifests/", failure);

    Answered answered = client.get(v1);

    assertStale(answered);
    assertThat(client.get(v1.replace("v1", "other")).status()).isEqualTo(404);
  }

  /** With a server of its own: what an earlier test began may end the outage. */
  @Test
  void aTagIsStaleWhenItsUpstreamIsGoneAndNobodyWaitsTwice(@TempDir Path directory) {
    upstream.addManifest(repository, OLD, "v1");
    var config =
        new TestConfig(directory)
            .line("patience: 1m") // longer than a refused connection takes on any machine
            .upstream("up", upstream, "insecure: true", "freshness: 1ms");
    try (CisternServer alone = config.start();
        TestClient there = new TestClient(alone)) {
      String tag = "/v2/up/" + repository + "/manifests/v1";
      assertThat(there.get(tag).status()).isEqualTo(200);
      upstream.goAway();
      upstream.forget();

      assertStale(there.get(tag));
      assertStale(there.get(tag));
      upstream.comeBack();
      assertStale(there.get(tag));
      assertThat(upstream.requests("HEAD", repository)).as("%s", alone.log()).isEmpty();
    }
  }

  @Test
  void anOutageEndsWhenTheUpstreamAnswersAgain() {
    warm();
    upstream.next("HEAD", "/manifests/", Answer.throttled("0"));
    assertStale(client.get(v1));
    upstream.addManifest(repository, NEW, "v1");

    await()
        .untilAsserted(() -> {
          Answered answered = client.get(v1);
          assertThat(answered.bytes()).isEqualTo(NEW);
          assertThat(answered.cacheStatus()).startsWith("cistern; hit");
        });
  }

  @Test
  void aTagThatIsGoneUpstreamIsKeptAndSaidToBeStale() {
    warm();
    upstream.always("HEAD", "/manifests/", Answer.status(404));

    Answered answered = client.get(v1);

    assertStale(answered);
    assertThat(answered.cacheStatus()).contains("404");
  }

  @Test
  void theServerStartsAndServesWithNoUpstreamThere(@TempDir Path directory) {
    upstream.addManifest(repository, OLD, "v1");
    byte[] content = Samples.bytes(100_000, 1);
    String blob = "/v2/up/" + repository + "/blobs/" + upstream.addBlob(repository, content);
    var config =
        new TestConfig(directory).upstream("up", upstream, "insecure: true", "freshness: 1ms");
    try (CisternServer before = config.start();
        TestClient there = new TestClient(before)) {
      there.get("/v2/up/" + repository + "/manifests/v1");
      there.get(blob);
      await().until(() -> there.get(blob).cacheStatus().startsWith("cistern; hit"));
    }
    int connections = upstream.connections();
    upstream.goAway();

    try (CisternServer alone = config.start();
        TestClient there = new TestClient(alone)) {
      assertThat(there.get("/readyz").status()).isEqualTo(200);
      assertStale(there.get("/v2/up/" + repository + "/manifests/v1"));
      assertThat(there.get(blob).bytes()).isEqualTo(content);
      assertThat(there.head(blob).status()).isEqualTo(200);
    } finally {
      upstream.comeBack();
    }
    assertThat(upstream.connections()).isEqualTo(connections);
  }

  @Test
  void whatIsNowhereIsUnknown() {
    Answered manifest = client.get(v1.replace(repository, "no/where"));
    Answered blob =
        client.get(v1.replace("/manifests/v1", "/blobs/" + Samples.digest(new byte[] {5, 6})));

    assertThat(manifest.status()).isEqualTo(404);
    assertThat(manifest.text()).contains("MANIFEST_UNKNOWN", "no/where", "v1");
    assertThat(blob.status()).isEqualTo(404);
    assertThat(blob.text()).contains("BLOB_UNKNOWN");
  }

  @Test
  void aThrottlingUpstreamIsPassedOnForWhatIsNotHere() {
    upstream.always("GET", "/v2/", Answer.throttled("17"));

    Answered manifest = client.get(v1.replace("v1", "absent"));
    Answered blob =
        client.get(v1.replace("/manifests/v1", "/blobs/" + Samples.digest(new byte[] {1, 2})));

    assertThat(List.of(manifest, blob))
        .allSatisfy(answered -> {
          assertThat(answered.status()).isEqualTo(429);
          assertThat(answered.header("Retry-After")).isEqualTo("17");
          assertThat(answered.text()).contains("TOOMANYREQUESTS", "upstream up");
        });
  }

  static Stream<Answer> breakages() {
    return Stream.of(
        Answer.status(500), Answer.status(503), new Answer.HungUp(), Answer.status(418));
  }

  @ParameterizedTest
  @MethodSource("breakages")
  void aBrokenUpstreamIsABadGatewayForWhatIsNotHere(Answer breakage) {
    upstream.always("GET", "/v2/", breakage);

    Answered manifest = client.get(v1.replace("v1", "absent"));
    Answered blob =
        client.get(v1.replace("/manifests/v1", "/blobs/" + Samples.digest(new byte[] {3, 4})));

    assertThat(List.of(manifest, blob))
        .allSatisfy(answered -> {
          assertThat(answered.status()).isEqualTo(502);
          assertThat(answered.text()).contains("UPSTREAM_UNAVAILABLE", "upstream up", "advice");
        });
  }

  /** Brings the tag here, old at once. */
  private void warm() {
    upstream.addManifest(repository, OLD, "v1");
    assertThat(client.get(v1).status()).isEqualTo(200);
    upstream.forget();
  }

  private static void assertStale(Answered answered) {
    assertThat(answered.status()).isEqualTo(200);
    assertThat(answered.bytes()).isEqualTo(OLD);
    assertThat(answered.cacheStatus()).startsWith("cistern; fwd=stale").contains("detail=");
  }
}
