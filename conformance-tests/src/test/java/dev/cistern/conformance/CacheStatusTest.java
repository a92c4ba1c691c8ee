package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheStatusTest {
  private static final byte[] MANIFEST = Samples.manifest("seen from outside");

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static TestClient client;
  private static int repositories;

  private String repository;
  private String v1;
  private String blob;
  private String before;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    server =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true", "freshness: 1ms")
            .start();
    client = new TestClient(server);
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  @BeforeEach
  void takeARepository() {
    repository = "team/app" + ++repositories;
    v1 = "/v2/up/" + repository + "/manifests/v1";
    upstream.heal();
    upstream.addManifest(repository, MANIFEST, "v1");
    blob = upstream.addBlob(repository, Samples.bytes(100_000, repositories));
    before = client.get("/metrics").text();
  }

  @Test
  void aManifestIsAMissThenAHitThenStale() {
    assertThat(client.get(v1).cacheStatus()).isEqualTo("cistern; fwd=uri-miss; stored");
    assertThat(client.get(v1).cacheStatus()).matches("cistern; hit(; ttl=0)?");
    upstream.goAway();
    assertThat(client.get(v1).cacheStatus()).matches("cistern; fwd=stale; detail=\".+\"");
    upstream.comeBack();

    String line =
        "GET.*repository=\"up/"
            + repository
            + "\" reference=\"v1\" status=\"200\" bytes=\""
            + MANIFEST.length
            + "\" ms=\"[0-9.]+\" cache=\"";
    assertLogged(line + "miss\" upstream=\"up\"");
    assertLogged(line + "hit\" upstream=\"up\"");
    assertLogged(line + "stale\" upstream=\"up\" reason=\".*refused.*\"");
    assertCounted("miss", 1);
    assertCounted("hit", 1);
    assertCounted("stale", 1);
  }

  @Test
  void aBlobIsAMissThenJoinedThenAHit() {
    String path = v1.replace("manifests/v1", "blobs/" + blob);
    byte[] content = Samples.bytes(100_000, repositories);
    var gate = new CountDownLatch(1);
    upstream.next("GET", blob, new Answer.HeldInBody(1000, gate));

    try (Download miss = Download.begin(server, path)) {
      assertThat(miss.header("Cache-Status")).contains("cistern; fwd=uri-miss; stored");
      try (Download joined = Download.begin(server, path)) {
        assertThat(joined.header("Cache-Status")).contains("cistern; fwd=uri-miss; collapsed");
        gate.countDown();
        assertThat(joined.finish(content)).matches(Outcome::isExact);
      }
      assertThat(miss.finish(content)).matches(Outcome::isExact);
    }
    await()
        .untilAsserted(() -> assertThat(client.get(path).cacheStatus()).isEqualTo("cistern; hit"));

    String line =
        "GET.*repository=\"up/"
            + repository
            + "\" reference=\""
            + blob
            + "\" status=\"200\" bytes=\"100000\"";
    assertLogged(line + ".*cache=\"miss\" upstream=\"up\"");
    assertLogged(line + ".*cache=\"joined\" upstream=\"up\"");
    assertLogged(line + ".*cache=\"hit\"");
    assertCounted("miss", 1);
    assertThat(counted("cistern_cache_total\\{outcome=\"joined\"\\}")).isGreaterThanOrEqualTo(1);
    assertCounted("hit", 1);
    assertThat(counted("cistern_fills_started_total")).isEqualTo(1);
    await().until(() -> value("cistern_fills_running", client.get("/metrics").text()) == 0);
  }

  @Test
  void anErrorIsLoggedWithItsReasonAndCounted() {
    upstream.always("GET", "/manifests/", Answer.status(503));

    Answered answered = client.get(v1);

    assertThat(answered.status()).isEqualTo(502);
    assertLogged(
        "GET.*repository=\"up/"
            + repository
            + "\" reference=\"v1\" status=\"502\".*reason=\".*503\"");
    assertThat(counted("cistern_requests_total\\{status=\"5xx\"\\}")).isEqualTo(1);
  }

  @Test
  void theMetricsNeverNameRepositoriesOrDigests() {
    client.get(v1);
    client.get(v1.replace("manifests/v1", "blobs/" + blob));

    assertThat(client.get("/metrics").text())
        .contains("cistern_sent_bytes_total", "cistern_request_duration_seconds", "jvm_memory")
        .doesNotContain("team/app", blob, "sha256");
  }

  @Test
  void theHealthOfTheServerDoesNotDependOnItsUpstreams() {
    upstream.goAway();
    try {
      assertThat(client.get("/healthz").status()).isEqualTo(200);
      assertThat(client.get("/healthz").text()).isEqualTo("ok\n");
      assertThat(client.get("/readyz").status()).isEqualTo(200);
    } finally {
      upstream.comeBack();
    }
  }

  private void assertLogged(String regex) {
    Pattern pattern = Pattern.compile(regex.replace("GET", "method=\"GET\""));
    await()
        .untilAsserted(
            () -> assertThat(server.log()).anyMatch(line -> pattern.matcher(line).find()));
  }

  private void assertCounted(String outcome, int count) {
    await()
        .untilAsserted(() ->
            assertThat(counted("cistern_cache_total\\{outcome=\"" + outcome + "\"\\}"))
                .isEqualTo(count));
  }

  /** Returns how much has been counted since the test began. */
  private double counted(String metric) {
    return value(metric, client.get("/metrics").text()) - value(metric, before);
  }

  private static double value(String metric, String metrics) {
    Matcher value = Pattern.compile(metric + " ([0-9.]+)").matcher(metrics);
    assertThat(value.find()).as(metric).isTrue();
    return Double.parseDouble(value.group(1));
  }
}
