package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A blob of {@code cistern.largeBlobGiB} (default 1) through cuts and the death of the server, to a
 * client that resumes by Range as container runtimes do.
 */
class LargeBlobTest {
  private static final long SIZE = Long.getLong("cistern.largeBlobGiB", 1) << 30;
  private static final long EIGHTH = SIZE / 8;
  private static final long MOST_MEMORY_KIB = 300 << 10;

  @Test
  void aLargeBlobComesThroughFiveCutsAndARestart(@TempDir Path directory) {
    Assumptions.assumeTrue(Files.exists(Path.of("/proc/self/status")), "needs /proc");
    GeneratedBlob blob = GeneratedBlob.of(20, SIZE);
    var gate = new CountDownLatch(1);
    MessageDigest hash = GeneratedBlob.sha256();
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      String path = "/v2/up/large/blobs/" + upstream.addBlob("large", blob);
      var cut = new Answer.Cut(EIGHTH);
      var held = new Answer.HeldInBody(EIGHTH, gate);
      upstream.next("GET", "/blobs/", cut, cut, cut, held, cut, cut);
      var config = new TestConfig(directory).upstream("up", upstream, "insecure: true");

      long half;
      try (CisternServer killed = config.start();
          Download download = Download.begin(killed, path)) {
        half = download.hash(hash, SIZE / 2);
        assertThat(memoryKib(killed)).isLessThan(MOST_MEMORY_KIB);
        killed.kill();
        half += download.hash(hash, SIZE);
      }
      gate.countDown();
      assertThat(half).isGreaterThanOrEqualTo(SIZE / 2);

      try (CisternServer again = config.start();
          Download download = Download.begin(again, path, "Range: bytes=" + half + "-")) {
        assertThat(download.status()).isEqualTo(206);
        assertThat(half + download.hash(hash, SIZE)).isEqualTo(SIZE);
        assertThat(memoryKib(again)).isLessThan(MOST_MEMORY_KIB);
      }
      assertThat(GeneratedBlob.digest(hash)).isEqualTo(blob.digest());
      assertThat(upstream.requests("GET", "/blobs/")).hasSize(7);
      assertThat(upstream.bodyBytes()).isLessThanOrEqualTo(SIZE + SIZE / 100);
    }
  }

  /** Returns the most memory that the server ever had resident. */
  private static long memoryKib(CisternServer server) {
    try (var lines = Files.lines(Path.of("/proc/" + server.pid() + "/status"))) {
      return lines
          .filter(line -> line.startsWith("VmHWM:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
