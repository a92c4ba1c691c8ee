package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.cistern.conformance.Download.Outcome;
import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** An upstream with two endpoints that have the same content. */
class PullSourcesTest {
  private static final int SIZE = 1 << 20;
  private static final String REPOSITORY = "team/app";

  /** One for each test, since failures of an endpoint are remembered. */
  private static final int PAIRS = 24;

  private static final List<UpstreamRegistry> ENDPOINTS = new ArrayList<>();

  private static CisternServer server;
  private static TestClient client;
  private static int pairs;

  private UpstreamRegistry first;
  private UpstreamRegistry second;
  private String base;
  private byte[] content;
  private byte[] manifest;
  private String digest;

  @BeforeAll
  static void start(@TempDir Path directory) {
    var config = new TestConfig(directory);
    for (int i = 0; i < PAIRS; i++) {
      List<UpstreamRegistry> pair = List.of(UpstreamRegistry.start(), UpstreamRegistry.start());
      config.registry("pair" + i + ".example", pair, "insecure: true", "freshness: 1ms");
      ENDPOINTS.addAll(pair);
    }
    config.registry("pinned.example", ENDPOINTS.getLast(), "insecure: true", "digestOnly: true");
    server = config.start();
    client = new TestClient(server);
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    ENDPOINTS.forEach(UpstreamRegistry::close);
  }

  @BeforeEach
  void takeAPair() {
    int pair = pairs++;
    first = ENDPOINTS.get(2 * pair);
    second = ENDPOINTS.get(2 * pair + 1);
    base = "/v2/pair" + pair + ".example/" + REPOSITORY;
    content = Samples.bytes(SIZE, pair);
    digest = Samples.digest(content);
    manifest = Samples.manifestOf(digest, SIZE);
    for (UpstreamRegistry upstream : List.of(first, second)) {
      upstream.addBlob(REPOSITORY, content);
      upstream.addManifest(REPOSITORY, manifest, "v1");
    }
  }

  @Test
  void theFirstIsAskedFirst() {
    assertAllIsGiven();

    assertThat(first.requests()).hasSize(2);
    assertThat(second.requests()).isEmpty();
  }

  static Stream<Answer> failures() {
    return Stream.of(
        new Answer.HungUp(),
        Answer.status(503),
        Answer.status(404),
        Answer.status(403),
        Answer.basicChallenge(),
        Answer.throttled("3600"),
        new Answer.Cut(0));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void theSecondGivesWhatTheFirstDoesNot(Answer failure) {
    first.always("GET", "/v2/", failure);

    assertAllIsGiven();
  }

  @Test
  void theSecondGivesAllIfTheFirstIsGone() {
    first.goAway();

    assertAllIsGiven();
  }

  @Test
  void oneThatFailedIsNotAskedFirstAgain() {
    first.always("GET", "/v2/", Answer.status(503));
    assertThat(client.get(base + "/manifests/v1").status()).isEqualTo(200);
    first.forget();

    assertBlobIsGiven();
    assertThat(first.requests()).isEmpty();
  }

  @Test
  void aDownloadThatIsCutForEverGoesOnAtTheSecond() {
    first.always("GET", digest, new Answer.Cut(0));
    first.next("GET", digest, new Answer.Cut(300_000));

    assertBlobIsGiven();
    assertThat(second.bodyBytes()).isEqualTo(SIZE - 300_000);
  }

  @Test
  void aDownloadGoesOnAtTheSecondWhereTheFirstWentAway() {
    first.always("GET", digest, new Answer.HungUp());
    first.next("GET", digest, new Answer.Cut(300_000));

    assertBlobIsGiven();
    assertThat(first.bodyBytes()).isEqualTo(300_000);
    assertThat(ranges(second)).containsExactly(Optional.of("bytes=300000-"));
    assertThat(second.bodyBytes()).isEqualTo(SIZE - 300_000);
  }

  @Test
  void aPartComesFromTheSecondTooIfTheFirstIsCut() {
    GeneratedBlob large = GeneratedBlob.endless(pairs, 10L << 30);
    first.addBlob(REPOSITORY, large);
    second.addBlob(REPOSITORY, large);
    first.always("GET", large.digest(), Answer.status(503));
    first.next("GET", large.digest(), new Answer.Cut(1000));
    String range = "Range: bytes=5000000000-5000999999";

    try (Download part = Download.begin(server, base + "/blobs/" + large.digest(), range)) {
      assertThat(part.first(1_000_000)).isEqualTo(large.part(5_000_000_000L, 1_000_000));
    }
    assertThat(ranges(second)).containsExactly(Optional.of("bytes=5000001000-5000999999"));
  }

  @Test
  void wrongContentIsCutOffAndComesRightFromTheSecondTheNextTime() {
    first.always("GET", digest, new Answer.Flipped(SIZE / 2));

    Outcome wrong = Download.of(server, base + "/blobs/" + digest, content);
    assertThat(wrong.isComplete() && wrong.status() == 200).isFalse();
    first.forget();

    assertBlobIsGiven();
    assertThat(first.requests()).isEmpty();
    assertThat(ranges(second)).containsExactly(Optional.empty());
  }

  @Test
  void aTagIsRevalidatedAtTheSecondIfTheFirstIsGone() {
    assertThat(client.get(base + "/manifests/v1").bytes()).isEqualTo(manifest);
    first.goAway();
    byte[] moved = Samples.manifest("moved");
    second.addManifest(REPOSITORY, moved, "v1");

    Answered answered = client.get(base + "/manifests/v1");

    assertThat(answered.bytes()).isEqualTo(moved);
    assertThat(answered.cacheStatus()).startsWith("cistern; hit");
  }

  static Stream<Arguments> failuresOfBoth() {
    Answer throttled = Answer.throttled("3600");
    Answer broken = Answer.status(503);
    Answer refused = Answer.status(401);
    Answer missing = Answer.status(404);
    return Stream.of(
        arguments(throttled, broken, 429),
        arguments(broken, throttled, 429),
        arguments(missing, throttled, 429),
        arguments(broken, refused, 502),
        arguments(missing, broken, 502),
        arguments(refused, missing, 403),
        arguments(missing, missing, 404));
  }

  @ParameterizedTest
  @MethodSource("failuresOfBoth")
  void theErrorIsTheOneThatSaysMost(Answer one, Answer other, int status) {
    first.always("GET", "/v2/", one);
    second.always("GET", "/v2/", other);

    assertThat(client.get(base + "/manifests/v1").status()).isEqualTo(status);
    assertThat(client.get(base + "/blobs/" + digest).status()).isEqualTo(status);
  }

  @Test
  void tagsOfADigestOnlyUpstreamAreWhatWasPushedHere() {
    UpstreamRegistry pinned = ENDPOINTS.getLast();
    String manifestDigest = pinned.addManifest(REPOSITORY, manifest, "v1");
    pinned.addBlob(REPOSITORY, content);
    String here = "/v2/pinned.example/" + REPOSITORY;

    assertThat(client.get(here + "/manifests/v1").status()).isEqualTo(404);
    assertThat(pinned.requests()).isEmpty();
    assertThat(client.get(here + "/manifests/" + manifestDigest).bytes()).isEqualTo(manifest);
    assertThat(Download.of(server, here + "/blobs/" + digest, content)).matches(Outcome::isExact);
    assertThat(client.putManifest(here + "/manifests/v1", manifest).status()).isEqualTo(201);
    assertThat(client.get(here + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(pinned.requests("HEAD", "/manifests/v1")).isEmpty();
  }

  private void assertAllIsGiven() {
    assertThat(client.get(base + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertBlobIsGiven();
  }

  private void assertBlobIsGiven() {
    assertThat(Download.of(server, base + "/blobs/" + digest, content)).matches(Outcome::isExact);
  }

  private static List<Optional<String>> ranges(UpstreamRegistry upstream) {
    return upstream.requests("GET", "/blobs/").stream()
        .map(request -> request.header("range"))
        .toList();
  }
}
