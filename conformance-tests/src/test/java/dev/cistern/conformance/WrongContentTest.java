package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import javax.net.SocketFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class WrongContentTest {
  private static final int SIZE = 1 << 20;
  private static final int TWO_MIB = 2 << 20;
  private static final int FOUR_MIB = 4 << 20;
  private static final String NO_ROOM = "storage: {maxSize: 1MiB}";

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static CisternServer secure;
  private static CisternServer small;
  private static CisternServer secureAndSmall;
  private static TestIdentity identity;
  private static TestClient client;
  private static Path blobs;
  private static int blobsMade;

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException {
    upstream = UpstreamRegistry.start();
    identity = TestIdentity.make(directory);
    server = config(directory).start();
    secure = config(Files.createDirectory(directory.resolve("secure"))).tls(identity).start();
    small = config(Files.createDirectory(directory.resolve("small"))).line(NO_ROOM).start();
    secureAndSmall =
        config(Files.createDirectory(directory.resolve("both")))
            .tls(identity)
            .line(NO_ROOM)
            .start();
    client = new TestClient(server);
    blobs = directory.resolve("data/blobs/sha256");
  }

  @AfterAll
  static void stop() {
    client.close();
    Stream.of(server, secure, small, secureAndSmall).forEach(CisternServer::close);
    upstream.close();
  }

  private static TestConfig config(Path directory) {
    return new TestConfig(directory).upstream("up", upstream, "insecure: true");
  }

  @AfterEach
  void heal() {
    upstream.heal();
  }

  static Stream<Answer> wrongBlobs() {
    return Stream.of(
        new Answer.Flipped(0),
        new Answer.Flipped(SIZE / 2),
        new Answer.Flipped(SIZE - 1),
        Answer.all(new Answer.Flipped(0), new Answer.Chunked()),
        Answer.all(new Answer.Flipped(SIZE - 1), new Answer.Chunked()),
        new Answer.Shortened(1),
        new Answer.Shortened(SIZE / 2),
        new Answer.Shortened(SIZE),
        Answer.all(new Answer.Shortened(1), new Answer.Chunked()),
        new Answer.Lengthened(1),
        Answer.all(new Answer.Lengthened(100_000), new Answer.Chunked()),
        new Answer.Declared(SIZE - 1));
  }

  @ParameterizedTest
  @MethodSource("wrongBlobs")
  void aWrongBlobIsNeverGivenToItsEndNorStored(Answer wrong) {
    byte[] content = Samples.bytes(SIZE, ++blobsMade);
    String digest = upstream.addBlob("wrong", content);
    String path = "/v2/up/wrong/blobs/" + digest;
    upstream.always("GET", digest, wrong);

    Outcome outcome = Download.of(server, path, content);

    assertThat(outcome).matches(WrongContentTest::isNoAnswer);
    assertThat(isStored(digest)).isFalse();
    upstream.heal();
    await().untilAsserted(() -> assertIsGiven(path, content));
    await().until(() -> isStored(digest));
  }

  /** How a client asks for a blob whose length its upstream does not tell. */
  enum Way {
    WHOLE,
    RANGE_TO_THE_END,
    RANGE_OF_ALL,
    RANGE_BEYOND_THE_END,
    TLS,
    NO_ROOM,
    NO_ROOM_OVER_TLS
  }

  @ParameterizedTest
  @EnumSource
  void aWrongBlobOfUnknownLengthIsNeverGivenWhole(Way way) {
    byte[] content = Samples.bytes(TWO_MIB, ++blobsMade);
    String digest = upstream.addBlob("unknown", content);
    upstream.always("GET", digest, Answer.all(new Answer.Flipped(0), new Answer.Chunked()));

    assertThat(ask(way, digest, content))
        .matches(outcome -> !outcome.isComplete())
        .extracting(Outcome::bytes)
        .satisfies(bytes -> assertThat(bytes).isPositive().isLessThan(TWO_MIB));
    upstream.heal();
    await().until(() -> isWhole(ask(way, digest, content)));
  }

  @ParameterizedTest
  @EnumSource
  void aRightBlobOfUnknownLengthIsGivenWhole(Way way) {
    byte[] content = Samples.bytes(TWO_MIB, ++blobsMade);
    String digest = upstream.addBlob("unknown", content);
    upstream.always("GET", digest, new Answer.Chunked());

    assertThat(ask(way, digest, content)).matches(WrongContentTest::isWhole);
  }

  /** Returns whether all came, be it as a range: by then the length may be known. */
  private static boolean isWhole(Outcome outcome) {
    return outcome.isComplete() && outcome.bytes() == TWO_MIB && outcome.status() < 300;
  }

  private static Outcome ask(Way way, String digest, byte[] content) {
    String path = "/v2/up/unknown/blobs/" + digest;
    SocketFactory tls = identity.trusting().getSocketFactory();
    try (Download download =
        switch (way) {
          case WHOLE -> Download.begin(server, path);
          case RANGE_TO_THE_END -> Download.begin(server, path, "Range: bytes=0-");
          case RANGE_OF_ALL -> Download.begin(server, path, "Range: bytes=0-" + (TWO_MIB - 1));
          case RANGE_BEYOND_THE_END -> Download.begin(server, path, "Range: bytes=0-" + TWO_MIB);
          case TLS -> Download.begin(tls, secure.port(), path);
          case NO_ROOM -> Download.begin(small, path);
          case NO_ROOM_OVER_TLS -> Download.begin(tls, secureAndSmall.port(), path);
        }) {
      return download.finish(content);
    }
  }

  @Test
  void anEmptyBlobIsNoWrongContent() {
    String digest = upstream.addBlob("empty", new byte[0]);

    assertIsGiven("/v2/up/empty/blobs/" + digest, new byte[0]);
    assertThat(isStored(digest)).isTrue();
  }

  @Test
  void whatIsCutForGoodIsNotGivenToItsEndAndIsResumedWhenItCanBe() {
    byte[] content = Samples.bytes(SIZE, ++blobsMade);
    String digest = upstream.addBlob("cut", content);
    String path = "/v2/up/cut/blobs/" + digest;
    upstream.always("GET", digest, new Answer.Cut(0));
    upstream.next("GET", digest, new Answer.Cut(SIZE / 2));

    assertThat(Download.of(server, path, content)).matches(WrongContentTest::isNoAnswer);
    assertThat(isStored(digest)).isFalse();
    upstream.heal();
    upstream.forget();
    await().untilAsserted(() -> assertIsGiven(path, content));
    assertThat(upstream.bodyBytes()).isEqualTo(SIZE / 2);
  }

  @Test
  void aLengthThatIsTooLargeIsSeenAsACut() {
    byte[] content = Samples.bytes(SIZE, ++blobsMade);
    String digest = upstream.addBlob("long", content);
    String path = "/v2/up/long/blobs/" + digest;
    upstream.always("GET", digest, new Answer.Declared(SIZE + 1));

    assertThat(Download.of(server, path, content)).matches(WrongContentTest::isNoAnswer);
    upstream.heal();
    await().untilAsserted(() -> assertIsGiven(path, content));
  }

  @Test
  void allWhoFollowAWrongDownloadAreCutOff() {
    byte[] content = Samples.bytes(SIZE, ++blobsMade);
    String digest = upstream.addBlob("followed", content);
    String path = "/v2/up/followed/blobs/" + digest;
    var gate = new CountDownLatch(1);
    upstream.next(
        "GET",
        digest,
        Answer.all(new Answer.Flipped(SIZE - 1), new Answer.HeldInBody(SIZE / 2, gate)));

    try (Download one = Download.begin(server, path);
        Download other = Download.begin(server, path)) {
      one.first(1);
      other.first(1);
      gate.countDown();

      assertThat(one.finish(content)).matches(WrongContentTest::isNoAnswer);
      assertThat(other.finish(content)).matches(WrongContentTest::isNoAnswer);
    }
    assertThat(client.get("/metrics").text()).containsPattern("cistern_fills_wrong_total [1-9]");
    assertThat(server.log()).anyMatch(line -> line.contains(digest) && line.contains("wrong"));
  }

  static Stream<Answer> wrongManifests() {
    return Stream.of(
        new Answer.Flipped(0),
        new Answer.Flipped(20),
        new Answer.Shortened(1),
        new Answer.Lengthened(1),
        Answer.all(new Answer.Flipped(20), new Answer.Chunked()),
        new Answer.Cut(20),
        new Answer.Declared(20),
        new Answer.Declared(100_000),
        new Answer.With("Content-Type", Samples.INDEX),
        new Answer.With("Content-Type", "text/html"),
        new Answer.Other(200, Map.of("Content-Type", "text/html"), "<p>Please log in"));
  }

  @ParameterizedTest
  @MethodSource("wrongManifests")
  void aWrongManifestIsNeitherGivenNorStored(Answer wrong) {
    byte[] manifest = Samples.manifest("wrong " + ++blobsMade);
    String digest = upstream.addManifest("manifests" + blobsMade, manifest, "v1");
    String repository = "/v2/up/manifests" + blobsMade;
    upstream.always("GET", "/manifests/", wrong);

    assertBadUpstream(client.get(repository + "/manifests/" + digest));
    assertBadUpstream(client.get(repository + "/manifests/v1"));
    upstream.always("GET", "/tags/list", Answer.status(404));
    assertThat(client.get(repository + "/tags/list").text()).contains("NAME_UNKNOWN");

    upstream.heal();
    assertThat(client.get(repository + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(client.get(repository + "/manifests/" + digest).bytes()).isEqualTo(manifest);
  }

  @Test
  void aManifestThatBecomesWrongDoesNotReplaceTheOneThatIsHere(@TempDir Path directory) {
    byte[] first = Samples.manifest("first");
    upstream.addManifest("moves", first, "v1");
    var config =
        new TestConfig(directory).upstream("up", upstream, "insecure: true", "freshness: 1ms");
    try (CisternServer other = config.start();
        TestClient there = new TestClient(other)) {
      assertThat(there.get("/v2/up/moves/manifests/v1").bytes()).isEqualTo(first);
      upstream.addManifest("moves", Samples.manifest("second"), "v1");
      upstream.always("GET", "/manifests/", new Answer.Flipped(20));

      Answered answered = there.get("/v2/up/moves/manifests/v1");

      assertThat(answered.bytes()).isEqualTo(first);
      assertThat(answered.cacheStatus()).contains("fwd=stale");
    }
  }

  @Test
  void aManifestOfMoreThanFourMebibytesIsRefusedAndNotReadToItsEnd() {
    byte[] manifest = Samples.manifest("x".repeat(8 * FOUR_MIB));
    String digest = upstream.addManifest("large", manifest, "v1");
    upstream.forget();

    assertBadUpstream(client.get("/v2/up/large/manifests/v1"));
    upstream.always("GET", "/manifests/", new Answer.Chunked());
    assertBadUpstream(client.get("/v2/up/large/manifests/" + digest));

    assertThat(upstream.bodyBytes()).isLessThan(2L * manifest.length);
  }

  @Test
  void theUrlsOfADescriptorAreNeverAsked() {
    byte[] layer = Samples.bytes(100, ++blobsMade);
    String digest = Samples.digest(layer);
    try (UpstreamRegistry elsewhere = UpstreamRegistry.start()) {
      String foreign = elsewhere.url() + "/v2/foreign/blobs/" + elsewhere.addBlob("foreign", layer);
      String text = new String(Samples.manifestOf(digest, 100), UTF_8);
      byte[] manifest =
          text.replace("\"size\":100", "\"size\":100,\"urls\":[\"" + foreign + "\"]")
              .getBytes(UTF_8);
      upstream.addManifest("foreign", manifest, "v1");

      assertThat(client.get("/v2/up/foreign/manifests/v1").bytes()).isEqualTo(manifest);
      assertThat(client.get("/v2/up/foreign/blobs/" + digest).status()).isEqualTo(404);
      assertThat(elsewhere.connections()).isZero();
    }
  }

  /** Says whether nobody can take this for the content: an error, or a 200 that was cut. */
  private static boolean isNoAnswer(Outcome outcome) {
    return outcome.status() == 200 ? !outcome.isComplete() : outcome.status() == 502;
  }

  private static void assertIsGiven(String path, byte[] content) {
    assertThat(Download.of(server, path, content)).matches(Outcome::isExact);
  }

  private static void assertBadUpstream(Answered answered) {
    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text()).contains("UPSTREAM_UNAVAILABLE", "upstream up");
  }

  private static boolean isStored(String digest) {
    try (Stream<Path> files = Files.walk(blobs)) {
      return files.anyMatch(file -> digest.endsWith(":" + file.getFileName()));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
