package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many cold blobs at once: so many downloads of one upstream run, and the others wait. */
class FillLimitTest {
  private static final int BLOBS = 40;
  private static final int LIMIT = 16;
  private static final int SIZE = 200_000;

  /** A client that waits longer begins beyond the limit. */
  private static final String PATIENT = "patience: 1h";

  @Test
  void noMoreThanSixteenDownloadsRunAtOneUpstream(@TempDir Path directory) {
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start();
        UpstreamRegistry other = UpstreamRegistry.start();
        CisternServer server =
            new TestConfig(directory)
                .upstream("up", upstream, "insecure: true")
                .upstream("other", other, "insecure: true")
                .line(PATIENT)
                .start()) {
      upstream.always("GET", "/blobs/", new Answer.HeldInBody(SIZE / 2, gate));
      List<Download> downloads = new ArrayList<>();
      for (int i = 0; i < BLOBS; i++) {
        String digest = upstream.addBlob("many", Samples.bytes(SIZE, i));
        downloads.add(Download.begin(server, "/v2/up/many/blobs/" + digest));
      }
      await().until(() -> upstream.mostBodies() == LIMIT);
      byte[] content = Samples.bytes(SIZE, BLOBS);
      String elsewhere = "/v2/other/one/blobs/" + other.addBlob("one", content);
      assertThat(Download.of(server, elsewhere, content)).matches(Outcome::isExact);
      assertThat(upstream.requests("GET", "/blobs/")).hasSize(LIMIT);
      gate.countDown();

      for (int i = 0; i < BLOBS; i++) {
        try (Download download = downloads.get(i)) {
          assertThat(download.finish(Samples.bytes(SIZE, i))).matches(Outcome::isExact);
        }
      }
      assertThat(upstream.mostBodies()).isEqualTo(LIMIT);
      assertThat(upstream.requests("GET", "/blobs/")).hasSize(BLOBS);
    }
  }

  @Test
  void aPartOfWhatAnEarlierDownloadLeftWaitsForTheDownload(@TempDir Path directory) {
    int left = 12 << 20;
    byte[] content = Samples.bytes(left + (1 << 20), BLOBS + 1);
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start();
        CisternServer server =
            new TestConfig(directory)
                .upstream("up", upstream, "insecure: true")
                .line(PATIENT)
                .start();
        TestClient client = new TestClient(server)) {
      String digest = upstream.addBlob("left", content);
      String path = "/v2/up/left/blobs/" + digest;
      upstream.always("GET", digest, new Answer.Cut(0));
      upstream.next("GET", digest, new Answer.Cut(left));
      assertThat(Download.of(server, path, content).isComplete()).isFalse();
      await().until(() -> fillsRunning(client) == 0);
      upstream.heal();
      upstream.always("GET", "/many/blobs/", new Answer.HeldInBody(1, gate));
      List<Download> others = new ArrayList<>();
      for (int i = 0; i < LIMIT; i++) {
        String other = upstream.addBlob("many", Samples.bytes(1000, i));
        others.add(Download.begin(server, "/v2/up/many/blobs/" + other));
      }
      await().until(() -> upstream.requests("GET", "/many/blobs/").size() == LIMIT);
      upstream.forget();

      try (Download all = Download.begin(server, path)) {
        await().until(() -> fillsRunning(client) == LIMIT + 1);
        try (Download part = Download.begin(server, path, "Range: bytes=12000000-12000999")) {
          assertThat(client.get("/v2/up/fence/manifests/v1").status()).isEqualTo(404);
          gate.countDown();
          assertThat(part.first(1000)).isEqualTo(Arrays.copyOfRange(content, 12000000, 12001000));
        }
        assertThat(all.finish(content)).matches(Outcome::isExact);
      }
      others.forEach(Download::close);
      assertThat(upstream.requests("GET", digest)).hasSize(1);
    }
  }

  private static int fillsRunning(TestClient client) {
    String name = "cistern_fills_running ";
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
