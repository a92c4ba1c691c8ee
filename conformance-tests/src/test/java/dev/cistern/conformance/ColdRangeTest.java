package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranges of blobs that are not here yet. */
class ColdRangeTest {
  private static final long TEN_GIB = 10L << 30;
  private static final int MIB = 1 << 20;
  private static final int MOST = 16 * MIB;
  private static final int SMALL = 12 * MIB;

  /** One for each test, since a download of ten gibibytes does not end with its test. */
  private static final int UPSTREAMS = 20;

  private static List<UpstreamRegistry> upstreams;
  private static CisternServer server;
  private static TestClient client;
  private static int blobs;

  private final CountDownLatch gate = new CountDownLatch(1);
  private UpstreamRegistry upstream;
  private GeneratedBlob large;
  private String path;
  private int startedBefore;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstreams = IntStream.range(0, UPSTREAMS).mapToObj(i -> UpstreamRegistry.start()).toList();
    var config = new TestConfig(directory);
    for (int i = 0; i < UPSTREAMS; i++) {
      config.upstream("up" + i, upstreams.get(i), "insecure: true");
    }
    server = config.start();
    client = new TestClient(server);
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstreams.forEach(UpstreamRegistry::close);
  }

  @BeforeEach
  void takeABlob() {
    int number = blobs++;
    upstream = upstreams.get(number);
    large = GeneratedBlob.endless(number, TEN_GIB);
    path = "/v2/up" + number + "/cold/blobs/" + upstream.addBlob("cold", large);
    startedBefore = fillsStarted();
  }

  @AfterEach
  void letGo() {
    gate.countDown();
    upstream.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bytes=10736369664-10737418239",
        "bytes=-1048576",
        "bytes=10736369664-99999999999",
        "bytes=10736369664-",
        "bytes=10736369664-10737418240"
      })
  void theEndOfALargeColdBlobComesWithoutTheRest(String range) {
    try (Download end = Download.begin(server, path, "Range: " + range)) {
      assertThat(end.status()).isEqualTo(206);
      assertThat(end.header("Content-Range")).contains("bytes 10736369664-10737418239/10737418240");
      assertThat(end.header("Content-Length")).contains("1048576");
      assertThat(end.first(MIB)).isEqualTo(large.part(TEN_GIB - MIB, MIB));
      assertNothingElseComes(end);
    }
    assertThat(upstream.bodyBytes()).isLessThanOrEqualTo(MOST);
    assertThat(upstream.requests("GET", "/blobs/")).hasSize(1);
    assertNoFillStarted();
  }

  @Test
  void theMiddleOfALargeColdBlobComesByItself() {
    long from = TEN_GIB / 2 + 3;

    assertRange(path, from, 2 * MIB);

    assertThat(upstream.bodyBytes()).isEqualTo(2 * MIB);
    assertNoFillStarted();
  }

  @Test
  void theConnectionOfAPartIsUsedForTheNext() {
    await()
        .until(() -> {
          int connections = upstream.connections();
          assertRange(path, TEN_GIB / 2, MIB);
          return upstream.connections() == connections;
        });
  }

  @Test
  void aCutInSuchAPartIsResumed() {
    upstream.next("GET", "/blobs/", new Answer.Cut(300_000), Answer.status(503));

    assertRange(path, TEN_GIB / 2, MIB);

    long first = TEN_GIB / 2;
    String last = "-" + (first + MIB - 1);
    assertThat(ranges())
        .containsExactly(
            Optional.of("bytes=" + first + last),
            Optional.of("bytes=" + (first + 300_000) + last),
            Optional.of("bytes=" + (first + 300_000) + last));
    assertThat(upstream.bodyBytes() - "scripted 503".length()).isEqualTo(MIB);
  }

  @Test
  void anUpstreamThatSendsMoreThanThePartIsReadNoFurther() {
    upstream.always("GET", "/blobs/", new Answer.Endless());

    try (Download part = Download.begin(server, path, "Range: " + range(TEN_GIB / 2, MIB))) {
      assertThat(part.first(MIB)).isEqualTo(large.part(TEN_GIB / 2, MIB));
      assertNothingElseComes(part);
    }
    assertThat(upstream.bodyBytes()).isLessThanOrEqualTo(MOST);
  }

  @Test
  void aRangeNearTheBeginningStartsTheDownload() {
    upstream.next("GET", "/blobs/", new Answer.HeldInBody(4 * MIB, gate));

    assertRange(path, MIB, MIB);

    assertThat(ranges()).containsExactly(Optional.empty());
    assertThat(fillsStarted()).isEqualTo(startedBefore + 1);
  }

  @Test
  void aRangeFarAheadOfARunningDownloadDoesNotWaitForIt() {
    upstream.next("GET", "/blobs/", new Answer.HeldInBody(MIB, gate));

    try (Download all = Download.begin(server, path)) {
      all.first(1);
      assertRange(path, TEN_GIB / 2, MIB);
      assertRange(path, 64 * MIB, MIB);
    }
    assertThat(ranges())
        .containsExactly(
            Optional.empty(),
            Optional.of(range(TEN_GIB / 2, MIB)),
            Optional.of(range(64 * MIB, MIB)));
  }

  @Test
  void aRangeWithinReachOfARunningDownloadCostsNothingMore() {
    GeneratedBlob small = small();
    upstream.next("GET", "/blobs/", new Answer.HeldInBody(MIB, gate));

    try (Download all = Download.begin(server, path);
        Download soon = Download.begin(server, path, "Range: " + range(5 * MIB, MIB))) {
      all.first(1);
      gate.countDown();
      assertThat(soon.status()).isEqualTo(206);
      assertThat(soon.first(MIB)).isEqualTo(small.part(5 * MIB, MIB));
      assertThat(all.finish(small.part(0, SMALL))).matches(Outcome::isExact);
    }
    assertThat(ranges()).containsExactly(Optional.empty());
    assertThat(upstream.bodyBytes()).isEqualTo(SMALL);
  }

  @Test
  void anUpstreamWithoutRangesGivesTheRightBytesToo() {
    GeneratedBlob small = small();
    upstream.always("GET", "/blobs/", new Answer.Rangeless());

    try (Download part = Download.begin(server, path, "Range: " + range(11 * MIB, 1000))) {
      assertThat(part.status()).isEqualTo(206);
      assertThat(part.first(1000)).isEqualTo(small.part(11 * MIB, 1000));
    }
  }

  @Test
  void aRangeBeyondTheEndIsRefusedAndBringsNothingHere() {
    try (Download beyond = Download.begin(server, path, "Range: " + range(TEN_GIB, 1))) {
      assertThat(beyond.status()).isEqualTo(416);
      assertThat(beyond.header("Content-Range")).contains("bytes */" + TEN_GIB);
    }
    assertThat(upstream.bodyBytes()).isLessThanOrEqualTo(MOST);
    assertNoFillStarted();
  }

  @Test
  void aRangeOfABlobThatIsNowhereIsUnknown() {
    String absent = path.replace(large.digest(), Samples.digest(new byte[] {1}));

    assertThat(List.of(range(TEN_GIB, 1), "bytes=-5", "bytes=0-4"))
        .allSatisfy(range -> {
          try (Download part = Download.begin(server, absent, "Range: " + range)) {
            assertThat(part.status()).isEqualTo(404);
          }
        });
  }

  @Test
  void aRangeIsGivenIfTheClientHasTheSameBlob() {
    String tag = "If-Range: \"" + large.digest() + "\"";

    try (Download part = Download.begin(server, path, "Range: " + range(TEN_GIB / 2, 9), tag)) {
      assertThat(part.status()).isEqualTo(206);
      assertThat(part.first(9)).isEqualTo(large.part(TEN_GIB / 2, 9));
    }
    assertNoFillStarted();
  }

  @Test
  void allIsGivenIfTheClientHasAnother() {
    GeneratedBlob small = small();
    String tag = "If-Range: \"" + Samples.digest(new byte[] {1}) + "\"";

    try (Download part = Download.begin(server, path, "Range: " + range(11 * MIB, 9), tag)) {
      assertThat(part.finish(small.part(0, SMALL))).matches(Outcome::isExact);
    }
    assertThat(ranges()).containsExactly(Optional.empty());
  }

  @Test
  void aRepositoryThatLacksTheBlobGetsNoPartOfIt() {
    String stranger = path.replace("/cold/", "/other/");

    try (Download part = Download.begin(server, stranger, "Range: " + range(TEN_GIB / 2, 9))) {
      assertThat(part.status()).isEqualTo(404);
    }
  }

  private GeneratedBlob small() {
    GeneratedBlob small = GeneratedBlob.of(-blobs, SMALL);
    path = path.replace(large.digest(), upstream.addBlob("cold", small));
    return small;
  }

  private void assertRange(String where, long from, int count) {
    try (Download part = Download.begin(server, where, "Range: " + range(from, count))) {
      assertThat(part.status()).isEqualTo(206);
      assertThat(part.header("Content-Range"))
          .contains("bytes " + from + "-" + (from + count - 1) + "/" + TEN_GIB);
      assertThat(Arrays.equals(part.first(count), large.part(from, count))).isTrue();
    }
  }

  /** The connection can be used for the next request: the answer was as long as it said. */
  private static void assertNothingElseComes(Download answered) {
    assertThat(answered.again("/healthz")).isEqualTo(200);
  }

  private static String range(long from, int count) {
    return "bytes=" + from + "-" + (from + count - 1);
  }

  private List<Optional<String>> ranges() {
    return upstream.requests("GET", "/blobs/").stream()
        .map(request -> request.header("range"))
        .toList();
  }

  private void assertNoFillStarted() {
    assertThat(fillsStarted()).isEqualTo(startedBefore);
  }

  private static int fillsStarted() {
    String name = "cistern_fills_started_total ";
    return client
        .get("/metrics")
        .text()
        .lines()
        .filter(line -> line.startsWith(name))
        .mapToInt(line -> (int) Double.parseDouble(line.substring(name.length())))
        .findFirst()
        .orElseThrow();
  }
}
