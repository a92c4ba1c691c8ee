package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResumeTest {
  private static final int SIZE = 1 << 20;

  private static UpstreamRegistry upstream;
  private static CisternServer server;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
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
  void aCutIsUnseenByTheClientAndResumedByRange() {
    byte[] content = Samples.bytes(SIZE, 1);
    String digest = upstream.addBlob("cut", content);
    upstream.next("GET", digest, new Answer.Cut(300_000));

    assertThat(download(digest, content)).matches(Outcome::isExact);
    assertThat(ranges(digest)).containsExactly(Optional.empty(), Optional.of("bytes=300000-"));
    assertThat(upstream.bodyBytes()).isEqualTo(SIZE);
  }

  @Test
  void manyCutsAreResumedAsLongAsSomethingComes() {
    byte[] content = Samples.bytes(SIZE, 2);
    String digest = upstream.addBlob("cut", content);
    var cut = new Answer.Cut(200_000);
    upstream.next("GET", digest, cut, cut, cut, cut, cut);

    assertThat(download(digest, content)).matches(Outcome::isExact);
    assertThat(ranges(digest)).hasSize(6);
    assertThat(upstream.bodyBytes()).isEqualTo(SIZE);
  }

  @Test
  void anUpstreamWithoutRangesIsReadAgainFromTheStart() {
    byte[] content = Samples.bytes(SIZE, 3);
    String digest = upstream.addBlob("cut", content);
    upstream.next("GET", digest, new Answer.Cut(300_000), new Answer.Rangeless());

    assertThat(download(digest, content)).matches(Outcome::isExact);
    assertThat(upstream.bodyBytes()).isEqualTo(SIZE + 300_000);
  }

  @Test
  void anErrorInPlaceOfTheRestIsTriedAgain() {
    byte[] content = Samples.bytes(SIZE, 4);
    String digest = upstream.addBlob("cut", content);
    upstream.next("GET", digest, new Answer.Cut(300_000), Answer.status(503));

    assertThat(download(digest, content)).matches(Outcome::isExact);
    assertThat(ranges(digest)).hasSize(3);
  }

  @Test
  void aChunkedDownloadIsResumedToo() {
    byte[] content = Samples.bytes(SIZE, 5);
    String digest = upstream.addBlob("cut", content);
    upstream.next("GET", digest, Answer.all(new Answer.Chunked(), new Answer.Cut(300_000)));

    assertThat(download(digest, content)).matches(Outcome::isExact);
  }

  @Test
  void anIdleConnectionThatTheUpstreamHasClosedIsNoFailure() {
    byte[] content = Samples.bytes(1000, 6);
    String first = upstream.addBlob("idle", content);
    byte[] more = Samples.bytes(1000, 7);
    String second = upstream.addBlob("idle", more);
    assertThat(download(first, "idle", content)).matches(Outcome::isExact);

    upstream.goAway();
    upstream.comeBack();

    assertThat(download(second, "idle", more)).matches(Outcome::isExact);
  }

  @Test
  void whatWasDownloadedSurvivesTheDeathOfTheServer(@TempDir Path directory) {
    byte[] content = Samples.bytes(SIZE, 8);
    String digest = upstream.addBlob("cut", content);
    var gate = new CountDownLatch(1);
    upstream.next("GET", digest, new Answer.HeldInBody(SIZE / 2, gate));
    var config = new TestConfig(directory).upstream("up", upstream, "insecure: true");
    try (CisternServer killed = config.start();
        Download download = Download.begin(killed, "/v2/up/cut/blobs/" + digest)) {
      download.first(SIZE / 2);
      killed.kill();
    }
    gate.countDown();
    upstream.forget();

    try (CisternServer again = config.start()) {
      assertThat(Download.of(again, "/v2/up/cut/blobs/" + digest, content))
          .matches(Outcome::isExact);
    }
    assertThat(ranges(digest)).containsExactly(Optional.of("bytes=" + SIZE / 2 + "-"));
  }

  @Test
  void aSlowUpstreamIsFollowedByteByByte() {
    byte[] content = Samples.bytes(2000, 9);
    String digest = upstream.addBlob("slow", content);
    var gate = new CountDownLatch(1);
    upstream.next(
        "GET", digest, Answer.all(new Answer.Trickled(1), new Answer.HeldInBody(1000, gate)));

    try (Download download = Download.begin(server, "/v2/up/slow/blobs/" + digest)) {
      assertThat(download.first(1000)).hasSize(1000);
      gate.countDown();
      assertThat(download.finish(content)).matches(Outcome::isExact);
    }
    await().until(() -> upstream.bodyBytes() == content.length);
  }

  private static Outcome download(String digest, byte[] content) {
    return download(digest, "cut", content);
  }

  private static Outcome download(String digest, String repository, byte[] content) {
    return Download.of(server, "/v2/up/" + repository + "/blobs/" + digest, content);
  }

  private static List<Optional<String>> ranges(String digest) {
    return upstream.requests("GET", digest).stream()
        .map(request -> request.header("range"))
        .toList();
  }
}
