package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Downloads that stall, more than their upstream has connections, of an upstream that is otherwise
 * well: what others want of it comes meanwhile. They stall until that has come, and then they end.
 */
class StalledDownloadsTest {
  private static final int STALLED = 12;
  private static final int SIZE = 100_000;
  private static final byte[] NOTHING = {'{', '}'};
  private static final String GIVEN_WAY = "cistern_fills_given_way_total ";
  private static final long FAR = 64L << 20;

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static TestClient client;

  /** How they stall. */
  enum Way {
    CLIENTS_GONE,
    CLIENTS_WAITING,
    BEFORE_THE_HEAD,
    IN_THE_HEAD,
    RANGES_PASSED_THROUGH,
    PREHEATED
  }

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    server =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true", "limits: {connections: 8, fills: 2}")
            .line("patience: 500ms")
            .start();
    client = new TestClient(server);
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  @ParameterizedTest
  @EnumSource
  void anotherRepositorysBlobAndTagsComeMeanwhile(Way way) {
    String well = "well/" + name(way);
    byte[] content = Samples.bytes(SIZE, seed(way, STALLED));
    String wanted = "/v2/up/" + well + "/blobs/" + upstream.addBlob(well, content);
    byte[] manifest = Samples.manifest("well " + way);
    upstream.addManifest(well, manifest, "v1");
    var gate = new CountDownLatch(1);
    upstream.always("GET", "/stalled/blobs/", stalling(way, gate));
    upstream.always("GET", Samples.digest(NOTHING), new Answer.Healthy());
    double before = metric(GIVEN_WAY);
    List<Stalled> stalled = new ArrayList<>();
    for (int i = 0; i < STALLED; i++) {
      stalled.add(stall(way, i));
    }
    await().until(() -> !upstream.requests("GET", "/stalled/blobs/").isEmpty());
    if (way == Way.CLIENTS_GONE) {
      stalled.forEach(Stalled::leave);
    }

    assertThat(Download.of(server, wanted, content)).matches(Outcome::isExact);
    assertThat(client.get("/v2/up/" + well + "/manifests/v1").bytes()).isEqualTo(manifest);
    assertThat(upstream.requests("GET", wanted.substring(6))).hasSize(1);

    assertThat(metric(GIVEN_WAY)).isGreaterThan(before);
    gate.countDown();
    upstream.heal();
    for (Stalled one : stalled) {
      if (way != Way.CLIENTS_GONE && one.download != null) {
        assertThat(one.download.finish(one.content)).matches(Outcome::isComplete);
      }
    }
    await().until(() -> metric("cistern_fills_running ") == 0);
    assertThat(metric("cistern_fills_waiting ")).isZero();
    if (way != Way.RANGES_PASSED_THROUGH) {
      for (Stalled one : stalled) {
        await().until(() -> client.get(one.path).cacheStatus().equals("cistern; hit"));
      }
    }
    stalled.forEach(Stalled::leave);
    upstream.forget();
  }

  private record Stalled(String path, byte[] content, @Nullable Download download) {
    void leave() {
      if (download != null) {
        download.close();
      }
    }
  }

  private static Answer stalling(Way way, CountDownLatch gate) {
    return switch (way) {
      case BEFORE_THE_HEAD -> new Answer.Held(gate);
      case IN_THE_HEAD -> new Answer.HeldInHead(gate);
      default -> new Answer.HeldInBody(1, gate);
    };
  }

  private static Stalled stall(Way way, int number) {
    String repository = name(way) + "/stalled";
    if (way == Way.RANGES_PASSED_THROUGH) {
      var blob = GeneratedBlob.endless(number, 2 * FAR);
      String path = "/v2/up/" + repository + "/blobs/" + upstream.addBlob(repository, blob);
      return new Stalled(
          path,
          blob.part(FAR, SIZE),
          Download.begin(server, path, "Range: bytes=" + FAR + "-" + (FAR + SIZE - 1)));
    }
    byte[] content = Samples.bytes(SIZE, seed(way, number));
    String path = "/v2/up/" + repository + "/blobs/" + upstream.addBlob(repository, content);
    if (way == Way.PREHEATED) {
      byte[] manifest = Samples.manifestOf(Samples.digest(content), SIZE);
      upstream.addBlob(repository, NOTHING);
      upstream.addManifest(repository, manifest, "v" + number);
      String order = "{\"references\":[\"up/" + repository + ":v" + number + "\"]}";
      assertThat(
              client
                  .send("POST", "/admin/preheat", "application/json", order.getBytes(UTF_8))
                  .status())
          .isLessThan(300);
      return new Stalled(path, content, null);
    }
    return new Stalled(path, content, Download.begin(server, path));
  }

  private static String name(Way way) {
    return way.name().toLowerCase(Locale.ROOT);
  }

  private static long seed(Way way, int number) {
    return (name(way) + number).hashCode();
  }

  private static double metric(String name) {
    return client
        .get("/metrics")
        .text()
        .lines()
        .filter(line -> line.startsWith(name))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length())))
        .findFirst()
        .orElseThrow();
  }
}
