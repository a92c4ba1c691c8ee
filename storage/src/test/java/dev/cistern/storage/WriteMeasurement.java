package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Prints how long a small synced write takes alone, and beside work on the largest manifest that is
 * accepted while 32 readers parse it: {@code -Dcistern.measure=writes}.
 */
@EnabledIfSystemProperty(named = "cistern.measure", matches = "writes")
class WriteMeasurement {
  private static final RepositoryName FROM = new RepositoryName("ns/from");
  private static final RepositoryName TO = new RepositoryName("ns/to");
  private static final RepositoryName SMALL = new RepositoryName("ns/small");
  private static final int READERS = 32;
  private static final int ROUNDS = 5;
  private static final int WRITES_ALONE = 500;

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  private int pins;

  /** What is done with the large manifest. */
  private interface Work {
    void run(Store store, Digest large) throws IOException;
  }

  private static Map<String, Work> works() {
    var works = new LinkedHashMap<String, Work>();
    works.put("nothing", (store, large) -> {});
    works.put(
        "preheat",
        (store, large) -> Pushes.manifest(store, TO, largest(), Origin.CACHED, "preheated"));
    works.put("copy", (store, large) -> store.repositories().copy(FROM, TO, large));
    works.put(
        "delete",
        (store, large) -> {
          Pushes.manifest(store, TO, largest(), Origin.PUSHED, "v1");
          store.repositories().delete(TO, large);
        });
    works.put(
        "prune",
        (store, large) -> {
          store.repositories().copy(FROM, TO, large);
          store.repositories().prune(TO, large, Instant.MAX);
        });
    return works;
  }

  @Test
  void aSmallWriteBesideTheLargestDocument(@TempDir Path directory)
      throws IOException, InterruptedException, ExecutionException {
    Digest large;
    try (Store store = Store.open(directory, clock)) {
      large = Pushes.manifest(store, FROM, largest(), Origin.CACHED, "v1");
      clock.advance(Duration.ofHours(1));
      double[] alone = new double[WRITES_ALONE];
      for (int i = 0; i < WRITES_ALONE; i++) {
        alone[i] = small(store);
      }
      print("alone", alone, median(alone), mean(alone));
      for (Map.Entry<String, Work> work : works().entrySet()) {
        beside(store, large, work, alone);
      }
    }
  }

  private void beside(Store store, Digest large, Map.Entry<String, Work> work, double[] alone)
      throws InterruptedException, ExecutionException, IOException {
    var isOver = new AtomicBoolean();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < READERS; i++) {
        threads.execute(() -> {
          while (!isOver.get()) {
            StoredManifest manifest = store.repositories().manifest(FROM, large).orElseThrow();
            Manifest.parse(manifest.bytes(), Optional.of(manifest.mediaType()));
          }
        });
      }
      Future<?> rounds =
          threads.submit(() -> {
            for (int i = 0; i < ROUNDS; i++) {
              clock.advance(Duration.ofHours(1));
              work.getValue().run(store, large);
            }
            return true;
          });
      var times = Stream.<Double>builder();
      do {
        times.add(small(store));
      } while (!rounds.isDone());
      rounds.get();
      isOver.set(true);
      double[] all = times.build().mapToDouble(Double::doubleValue).toArray();
      print(work.getKey(), all, median(alone), mean(alone));
    }
  }

  /** Returns how many milliseconds a pin takes. */
  private double small(Store store) throws IOException {
    Reference tag = new Tag("pin" + pins++);
    long start = System.nanoTime();
    store.repositories().pin(SMALL, tag);
    return (System.nanoTime() - start) / 1e6;
  }

  private static double median(double[] times) {
    double[] sorted = times.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  private static double mean(double[] times) {
    return Arrays.stream(times).average().orElse(0);
  }

  private static void print(String what, double[] times, double median, double mean) {
    System.out.printf(
        "%-8s n %5d  median %7.2f ms  ratio %5.2f   mean %7.2f ms  ratio %5.2f   max %8.2f ms%n",
        what,
        times.length,
        median(times),
        median(times) / median,
        mean(times),
        mean(times) / mean,
        Arrays.stream(times).max().orElse(0));
  }

  /** An image of as many layers as a manifest can name. */
  private static byte[] largest() {
    String layer = "{\"mediaType\":\"a/b\",\"size\":1,\"digest\":\"%s\"}";
    int bytes = layer.formatted(Digest.of(new byte[0])).length() + 1;
    return bytes(
        "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s]}"
            .formatted(
                MediaType.OCI_IMAGE.name(),
                layer.formatted(Digest.of(new byte[0])),
                IntStream.range(0, (Manifest.MAX_BYTES - 1_000) / bytes)
                    .mapToObj(i -> layer.formatted(Digest.of(bytes("layer " + i))))
                    .collect(Collectors.joining(","))));
  }
}
