package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code kill -9} at random moments of pushes and fills. After each restart everything that was
 * acknowledged is there and verifies, nothing half-done is visible, and what was left is gone on
 * with. The system property {@code cistern.kills} says how often; {@code cistern.seed} repeats a
 * run as far as threads allow.
 */
class KillTest {
  private static final int IMAGES_VERIFIED = 4;

  private final long seed = Long.getLong("cistern.seed", new SplittableRandom().nextLong());
  private final int kills = Integer.getInteger("cistern.kills", 8);
  private int resumed;
  private int whole;

  @Test
  void whatWasAcknowledgedSurvivesKillsAndNothingHalfDoneIsVisible(@TempDir Path data)
      throws IOException {
    System.out.printf("KillTest: -Dcistern.seed=%d -Dcistern.kills=%d%n", seed, kills);
    try (SeededUpstream upstream = SeededUpstream.start()) {
      var work = new KilledWork(seed, data, upstream);
      work.prepare();
      for (int kill = 1; kill <= kills; kill++) {
        work.round(kill);
        verify(work, data, upstream, kill);
      }
      finish(work, upstream);
      System.out.printf(
          "KillTest: %d kills; %d downloads resumed, %d found whole; %d uploads began again%n",
          kills, resumed, whole, work.ledgers().stream().mapToInt(Ledger::restarted).sum());
    }
  }

  private void verify(KilledWork work, Path data, SeededUpstream upstream, int kill)
      throws IOException {
    Map<String, Long> fills = fills(data);
    upstream.takeGets();
    CisternServer server = work.start();
    try (server;
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (Ledger ledger : work.ledgers()) {
        ledger.verify(calls);
      }
      work.base().verify(calls);
      List<KilledWork.Image> newest = work.images();
      for (KilledWork.Image image :
          newest.subList(Math.max(0, newest.size() - IMAGES_VERIFIED), newest.size())) {
        KilledWork.verifyImage(calls, image);
      }
      verifyFills(data, upstream.takeGets(), fills);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(work.report(kill, server), e);
    }
  }

  /** What had come of a download is not asked for again, and becomes a blob in the end. */
  private void verifyFills(Path data, List<SeededUpstream.BlobGet> gets, Map<String, Long> before) {
    before.forEach((digest, length) -> {
      List<Long> from =
          gets.stream()
              .filter(get -> get.digest().equals(digest))
              .map(SeededUpstream.BlobGet::from)
              .toList();
      if (from.isEmpty()) {
        whole++;
      } else {
        assertThat(from)
            .as("requests for %s of which %d bytes were here", digest, length)
            .containsExactly(length);
        resumed += length > 0 ? 1 : 0;
      }
    });
    await().atMost(Duration.ofSeconds(20)).untilAsserted(() -> assertThat(fills(data)).isEmpty());
  }

  /** Ends all that is begun; then no upload is left, and what is there stays over a clean stop. */
  private static void finish(KilledWork work, SeededUpstream upstream) throws IOException {
    try (CisternServer server = work.start();
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (Ledger ledger : work.ledgers()) {
        work.client(ledger, calls).finishUploads();
        ledger.verify(calls);
      }
      for (KilledWork.Image image : work.images()) {
        KilledWork.verifyImage(calls, image);
      }
    }
    try (CisternServer server = work.start();
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      upstream.takeGets();
      for (Ledger ledger : work.ledgers()) {
        ledger.verify(calls);
      }
      for (KilledWork.Image image : work.images()) {
        KilledWork.verifyImage(calls, image);
      }
      assertThat(upstream.takeGets()).isEmpty();
    }
  }

  /** Returns the digests of the downloads that were cut short, with their lengths. */
  private static Map<String, Long> fills(Path data) throws IOException {
    var fills = new LinkedHashMap<String, Long>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(data.resolve("fills"))) {
      for (Path file : files) {
        fills.put(file.getFileName().toString().replace('-', ':'), Files.size(file));
      }
    }
    return fills;
  }
}
