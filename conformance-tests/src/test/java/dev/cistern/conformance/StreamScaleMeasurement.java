package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Measures what many image streams cost, each with 20 scheduled tags: a page of a list, one stream,
 * what a watch waits for a change, an import, the schedule's CPU time and a start, with 100, 1,000
 * and 10,000 of them. Not among the tests that the build runs: {@code ./cistern test
 * -Dtest=StreamScaleMeasurement}. {@code -Dcistern.streams} says how many at most.
 */
class StreamScaleMeasurement {
  private static final int MOST = Integer.getInteger("cistern.streams", 10_000);
  private static final int TAGS = 20;
  private static final int SAMPLES = 31;
  private static final int LOOKS_PER_MINUTE = 6_000;
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final String SCHEDULED = ",'importPolicy':{'scheduled':true}";

  private final UpstreamRegistry upstream = UpstreamRegistry.start();

  @Test
  void costsDoNotGrowWithTheNumberOfStreams(@TempDir Path directory) throws Exception {
    byte[] layer = Samples.bytes(1_000, 1);
    byte[] config = "{\"architecture\":\"amd64\",\"os\":\"linux\"}".getBytes(UTF_8);
    upstream.addBlob("org/app", config);
    String[] tags = IntStream.range(0, TAGS).mapToObj(i -> "v" + i).toArray(String[]::new);
    upstream.addManifest(
        "org/app",
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s]}"
            .formatted(
                Samples.IMAGE,
                ManifestText.descriptor(
                    "application/vnd.oci.image.config.v1+json",
                    Samples.digest(config),
                    config.length),
                ManifestText.descriptor("a/b", Samples.digest(layer), layer.length))
            .getBytes(UTF_8),
        tags);
    CisternServer server = start(directory);
    int there = 0;
    try {
      for (int count = 100; count <= MOST; count *= 10) {
        try (ApiClient api = new ApiClient(server)) {
          api.makeNamespace("scale");
          for (; there < count; there++) {
            importAll(api, "app" + there);
          }
        }
        server.close();
        long began = System.nanoTime();
        server = start(directory);
        report(server, count, millis(began));
      }
    } finally {
      server.close();
      upstream.close();
    }
  }

  private CisternServer start(Path directory) {
    return new TestConfig(directory)
        .registry("up.example", upstream, "insecure: true")
        .line("imports: {interval: 1m, perMinute: " + LOOKS_PER_MINUTE + "}")
        .line("logs: {access: false}")
        .start();
  }

  private static void importAll(ApiClient api, String name) {
    ApiClient.Said said =
        api.post(
            ApiClient.IMAGES + "/namespaces/scale/imagestreamimports",
            """
            {'metadata':{'name':'%s'},'spec':{'import':true,'repository':
             {'from':{'kind':'DockerImage','name':'up.example/org/app'}%s}}}
            """
                .formatted(name, SCHEDULED));
    assertThat(said.status()).as(said.message()).isEqualTo(201);
  }

  private void report(CisternServer server, int count, double startMillis) throws Exception {
    String streams = ApiClient.streams("scale");
    try (ApiClient api = new ApiClient(server);
        var watch = new Watch(server, streams + "?watch=1")) {
      awaitLooks(); // so long it takes that the start is over and the code compiled
      double list = median(i -> api.get(streams + "?limit=100"));
      double one = median(i -> api.get(streams + "/app" + (i * 37) % count));
      double change =
          median(i -> {
            watch.changes.clear();
            api.patch(
                streams + "/app" + i,
                "application/merge-patch+json",
                "{'metadata':{'annotations':{'n':'" + count + "'}}}");
            watch.awaitChange("app" + i);
          });
      double single =
          median(i -> api.importTag("scale", "app" + i, "v1", "up.example/org/app:v1", SCHEDULED));
      long cpu = cpuMillis(server);
      long began = System.nanoTime();
      double looks = awaitLooks();
      double looksPerSecond = looks / (millis(began) / 1_000);
      double cpuPerLook = (cpuMillis(server) - cpu) / looks;
      System.out.printf(
          "%,7d streams of %d tags: list of 100 %.1f ms, get %.2f ms, change seen %.2f ms, import"
              + " of a tag %.2f ms; schedule %.0f looks/s, %.2f ms CPU each; start %.0f ms; %d MiB"
              + " resident%n",
          count,
          TAGS,
          list,
          one,
          change,
          single,
          looksPerSecond,
          cpuPerLook,
          startMillis,
          residentMiB(server));
    }
  }

  private int awaitLooks() {
    upstream.forget();
    await().atMost(PATIENCE).until(() -> looks() >= LOOKS_PER_MINUTE / 6);
    return looks();
  }

  private int looks() {
    return upstream.requests("HEAD", "/manifests/").size();
  }

  private static double median(Consumer<Integer> call) {
    List<Double> millis = new ArrayList<>();
    for (int i = 0; i < SAMPLES; i++) {
      long began = System.nanoTime();
      call.accept(i);
      millis.add(millis(began));
    }
    return millis.stream().sorted().toList().get(SAMPLES / 2);
  }

  private static double millis(long began) {
    return (System.nanoTime() - began) / 1e6;
  }

  private static long cpuMillis(CisternServer server) {
    return ProcessHandle.of(server.pid())
        .flatMap(process -> process.info().totalCpuDuration())
        .orElseThrow()
        .toMillis();
  }

  private static long residentMiB(CisternServer server) throws IOException {
    try (Stream<String> lines =
        Files.lines(Path.of("/proc", Long.toString(server.pid()), "status"))) {
      return lines
              .filter(line -> line.startsWith("VmRSS:"))
              .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
              .sum()
          >> 10;
    }
  }

  /** A watch that notes the names of what changes. */
  private static final class Watch implements AutoCloseable {
    private final BlockingQueue<String> changes = new LinkedBlockingQueue<>();
    private final HttpClient http = HttpClient.newHttpClient();
    private volatile boolean closed;

    Watch(CisternServer server, String path) throws IOException, InterruptedException {
      HttpResponse<Stream<String>> answer =
          http.send(
              HttpRequest.newBuilder(server.uri(path)).build(),
              HttpResponse.BodyHandlers.ofLines());
      Thread.ofVirtual().start(() -> follow(answer.body()));
    }

    private void follow(Stream<String> lines) {
      try {
        lines.forEach(changes::add);
      } catch (UncheckedIOException e) {
        if (!closed) {
          throw e;
        }
      }
    }

    void awaitChange(String name) {
      try {
        String line = "";
        while (!line.contains("\"name\":\"" + name + "\"")) {
          line = changes.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
          assertThat(line).as("a change of " + name).isNotNull();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void close() {
      closed = true;
      http.shutdownNow();
    }
  }
}
