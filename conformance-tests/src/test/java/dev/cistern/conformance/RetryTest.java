package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Download.Outcome;
import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** An upstream that asks to come back later, while a client waits for what is not here. */
class RetryTest {
  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static TestClient client;
  private static int repositories;

  private String repository;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
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
    upstream.heal();
    client.get("/v2/up/an/outage/manifests/ends" + ++repositories);
    upstream.forget();
    repository = "team/app" + repositories;
  }

  static Stream<Answer> passing() {
    return Stream.of(
        Answer.throttled("1"),
        new Answer.Other(429, Map.of(), ""),
        new Answer.Other(503, Map.of("Retry-After", "1"), ""),
        Answer.status(500),
        new Answer.HungUp());
  }

  @ParameterizedTest
  @MethodSource("passing")
  void aLayerComesThoughItsUpstreamFailsOnce(Answer failure) {
    byte[] content = Samples.bytes(100_000, repositories);
    String digest = upstream.addBlob(repository, content);
    upstream.next("GET", digest, failure);

    assertThat(Download.of(server, "/v2/up/" + repository + "/blobs/" + digest, content))
        .matches(Outcome::isExact);
    assertThat(upstream.requests("GET", digest)).hasSize(2);
  }

  @ParameterizedTest
  @MethodSource("passing")
  void aTagComesThoughItsUpstreamFailsOnce(Answer failure) {
    byte[] manifest = Samples.manifest(repository);
    upstream.addManifest(repository, manifest, "v1");
    upstream.next("GET", "/manifests/", failure);

    assertThat(client.get("/v2/up/" + repository + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(upstream.requests("GET", "/manifests/")).hasSize(2);
  }

  @Test
  void aLongWaitIsPassedOnAtOnce() {
    upstream.always("GET", "/v2/", Answer.throttled("3600"));
    String digest = Samples.digest(new byte[] {1});

    Answered manifest = client.get("/v2/up/" + repository + "/manifests/v1");
    Answered blob = client.get("/v2/up/" + repository + "/blobs/" + digest);

    assertThat(Stream.of(manifest, blob))
        .allSatisfy(answered -> {
          assertThat(answered.status()).isEqualTo(429);
          assertThat(answered.header("Retry-After")).isEqualTo("3600");
          assertThat(answered.text()).contains("TOOMANYREQUESTS", "upstream up");
        });
    assertThat(upstream.requests("GET", "/v2/")).hasSize(2);
  }

  static Stream<String> delaysBeyondMeasure() {
    return Stream.of(
        "86401",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "9".repeat(400),
        "Fri, 31 Dec 9999 23:59:59 GMT");
  }

  @ParameterizedTest
  @MethodSource("delaysBeyondMeasure")
  void aDelayBeyondMeasureIsADayAndBreaksNoThread(String delay) {
    byte[] content = Samples.bytes(100_000, repositories);
    String digest = upstream.addBlob(repository, content);
    upstream.always("GET", "/v2/", Answer.throttled(delay));

    for (String path : List.of("/manifests/v1", "/blobs/" + digest, "/tags/list")) {
      Answered answered = client.get("/v2/up/" + repository + path);
      assertThat(answered.status()).as(path).isEqualTo(429);
      assertThat(answered.header("Retry-After")).as(path).isEqualTo("86400");
    }
    upstream.heal();
    assertThat(Download.of(server, "/v2/up/" + repository + "/blobs/" + digest, content))
        .as("the next client")
        .matches(Outcome::isExact);
    assertThat(client.get("/metrics").text()).contains("cistern_uncaught_total 0.0");
  }

  @Test
  void aThrottlingTokenServiceIsPassedOnToo() {
    upstream.demandToken(upstream.tokens(), upstream.url() + "/token");
    upstream.always("GET", "/token", Answer.throttled("3600"));

    Answered answered = client.get("/v2/up/" + repository + "/manifests/v1");

    assertThat(answered.status()).isEqualTo(429);
    assertThat(answered.header("Retry-After")).isEqualTo("3600");
  }

  @Test
  void aBrokenTokenServiceIsNoRefusal() {
    upstream.demandToken(upstream.tokens(), upstream.url() + "/token");
    upstream.always("GET", "/token", Answer.status(503));

    Answered answered = client.get("/v2/up/" + repository + "/manifests/v1");

    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text()).contains("token service", "503");
  }
}
