package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Clients that pull, hot and cold, and push beside a {@link HostileTenant}: none of their requests
 * fails, and what the tenant took is back when it has gone.
 *
 * <p>{@code -Dcistern.hostileSeconds} says how long (default: 5). With it there is first a run
 * without the tenant, of at most ten minutes, and rates, latencies and memory are printed; {@code
 * -Dcistern.hostileTarget=true} asserts that the others keep 80 % of their rate, three times the
 * latency, and that memory is level from the middle to the end. {@code bench/soak MINUTES hostile}
 * does so.
 */
class HostileTenantTest {
  private static final int HOT = 4;
  private static final int COLD = 2;
  private static final int PUSHES = 2;
  private static final int BLOB = 256 << 10;
  private static final Duration THINK = Duration.ofMillis(20);
  private static final Duration LONGEST_ALONE = Duration.ofMinutes(10);
  private static final double LEAST_RATE = 0.8;
  private static final double MOST_LATENCY = 3;
  private static final long MORE_RESIDENT_BYTES = 64L << 20;

  private final Optional<Integer> wanted =
      Optional.ofNullable(Integer.getInteger("cistern.hostileSeconds"));
  private final Duration time = Duration.ofSeconds(wanted.orElse(5));
  private final AtomicLong seeds = new AtomicLong();

  /** What came of a run. */
  private record Run(String name, long[] nanos, Duration time, long middle, long end) {
    double rate() {
      return nanos.length / (time.toMillis() / 1e3);
    }

    double millis(double quantile) {
      return nanos.length == 0 ? 0 : nanos[(int) (quantile * (nanos.length - 1))] / 1e6;
    }

    @Override
    public String toString() {
      return "%s: %.0f requests/s, median %.1f ms, p99 %.1f ms, resident %d MiB in the middle, %d MiB at the end"
          .formatted(name, rate(), millis(0.5), millis(0.99), middle >> 20, end >> 20);
    }
  }

  @Test
  void theOthersAreServedBesideAHostileTenant(@TempDir Path directory) throws Exception {
    if (wanted.isEmpty()) {
      System.out.println(run(directory, true, time));
      return;
    }
    Duration shorter = time.compareTo(LONGEST_ALONE) < 0 ? time : LONGEST_ALONE;
    Run alone = run(Files.createDirectory(directory.resolve("alone")), false, shorter);
    Run beside = run(Files.createDirectory(directory.resolve("beside")), true, time);
    double rate = beside.rate() / alone.rate();
    double latency = beside.millis(0.99) / alone.millis(0.99);
    System.out.printf(
        "HostileTenantTest: %s%nHostileTenantTest: %s%nHostileTenantTest: rate ratio %.2f, p99 ratio %.2f%n",
        alone, beside, rate, latency);
    if (Boolean.getBoolean("cistern.hostileTarget")) {
      assertThat(rate).as("rate").isGreaterThanOrEqualTo(LEAST_RATE);
      assertThat(latency).as("p99").isLessThanOrEqualTo(MOST_LATENCY);
      assertThat(beside.end()).as("resident").isLessThan(beside.middle() + MORE_RESIDENT_BYTES);
    }
  }

  private Run run(Path directory, boolean hasTenant, Duration time) throws Exception {
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      var config =
          new TestConfig(directory)
              .upstream("up", upstream, "insecure: true", "freshness: 1s")
              .line("storage: {path: %s, maxSize: 2GiB}".formatted(directory.resolve("data")))
              .environment("CISTERN_ACCESS_LOG", "off");
      byte[] blob = Samples.bytes(BLOB, -1);
      byte[] manifest = Samples.manifestOf(List.of(blob));
      upstream.addBlob("app", blob);
      upstream.addManifest("app", manifest, "v1");
      try (CisternServer server = config.start();
          HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
        hot(calls, blob, manifest);
        try (var progress = new Progress(server, time)) {
          load(server, upstream, calls, blob, manifest, hasTenant, time, progress);
          awaitRest(calls);
          String name = hasTenant ? "beside the tenant" : "alone";
          return new Run(name, progress.nanos(), time, progress.middle.get(), resident(server));
        } catch (ExecutionException | IOException e) {
          throw new AssertionError(server.state(), e);
        }
      }
    }
  }

  /** The requests so far: prints a line a minute. */
  private static final class Progress implements AutoCloseable {
    private final Queue<Long> latencies = new ConcurrentLinkedQueue<>();
    private final LongAdder requests = new LongAdder();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final Future<Long> middle;
    private final Future<?> lines;
    private long printed;

    Progress(CisternServer server, Duration time) {
      middle = timer.schedule(() -> resident(server), time.toMillis() / 2, TimeUnit.MILLISECONDS);
      lines = timer.scheduleAtFixedRate(() -> print(server), 1, 1, TimeUnit.MINUTES);
    }

    void add(long nanos) {
      latencies.add(nanos);
      requests.increment();
    }

    private void print(CisternServer server) {
      long all = requests.sum();
      System.out.printf(
          "HostileTenantTest: %d requests in a minute, resident %d MiB%n",
          all - printed, resident(server) >> 20);
      printed = all;
    }

    long[] nanos() {
      return latencies.stream().flatMapToLong(LongStream::of).sorted().toArray();
    }

    @Override
    public void close() {
      lines.cancel(false);
      timer.shutdownNow();
    }
  }

  private void load(
      CisternServer server,
      UpstreamRegistry upstream,
      HttpCalls calls,
      byte[] blob,
      byte[] manifest,
      boolean hasTenant,
      Duration time,
      Progress progress)
      throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Optional<HostileTenant> tenant =
          hasTenant ? Optional.of(HostileTenant.start(server, upstream)) : Optional.empty();
      try {
        long end = System.nanoTime() + time.toNanos();
        var clients = new ArrayList<Future<?>>();
        for (int i = 0; i < HOT; i++) {
          clients.add(
              threads.submit(() -> repeat(end, progress, () -> hot(calls, blob, manifest))));
        }
        for (int i = 0; i < COLD; i++) {
          clients.add(threads.submit(() -> repeat(end, progress, () -> cold(calls, upstream))));
        }
        for (int i = 0; i < PUSHES; i++) {
          clients.add(threads.submit(() -> repeat(end, progress, () -> push(calls))));
        }
        for (Future<?> client : clients) {
          client.get();
        }
      } finally {
        tenant.ifPresent(HostileTenant::close);
        tenant.ifPresent(
            one -> System.out.println("HostileTenantTest: the tenant: " + one.tally()));
      }
    }
  }

  private interface Step {
    void take() throws IOException;
  }

  private static boolean repeat(long end, Progress progress, Step step) throws IOException {
    while (System.nanoTime() < end) {
      long begun = System.nanoTime();
      step.take();
      progress.add(System.nanoTime() - begun);
      LockSupport.parkNanos(THINK.toNanos());
    }
    return true;
  }

  private static void hot(HttpCalls calls, byte[] blob, byte[] manifest) throws IOException {
    get(calls, "/v2/up/app/manifests/v1", manifest);
    get(calls, "/v2/up/app/blobs/" + Samples.digest(blob), blob);
  }

  private void cold(HttpCalls calls, UpstreamRegistry upstream) throws IOException {
    byte[] blob = Samples.bytes(BLOB, seeds.incrementAndGet());
    String digest = upstream.addBlob("app", blob);
    get(calls, "/v2/up/app/blobs/" + digest, blob);
    upstream.removeBlob("app", digest);
  }

  private static void get(HttpCalls calls, String path, byte[] expected) throws IOException {
    HttpCalls.Reply reply = calls.send("GET", path);
    assertThat(reply.status()).as("%s", reply).isEqualTo(200);
    assertThat(Samples.digest(reply.body())).as(path).isEqualTo(Samples.digest(expected));
  }

  private void push(HttpCalls calls) throws IOException {
    byte[] blob = Samples.bytes(BLOB / 4, seeds.incrementAndGet());
    byte[] manifest = Samples.manifestOf(List.of(blob));
    send(calls, "POST", "blobs/uploads/?digest=" + Samples.digest(blob), blob);
    byte[] config = "{}".getBytes(UTF_8);
    send(calls, "POST", "blobs/uploads/?digest=" + Samples.digest(config), config);
    send(calls, "PUT", "manifests/" + Samples.digest(manifest), manifest);
  }

  private static void send(HttpCalls calls, String method, String target, byte[] body)
      throws IOException {
    HttpCalls.Reply reply =
        calls.send(method, "/v2/others/app/" + target, body, "Content-Type", Samples.IMAGE);
    assertThat(reply.status()).as("%s", reply).isEqualTo(201);
  }

  /** Waits until nothing but downloads takes memory, and no thread has died. */
  private static void awaitRest(HttpCalls calls) {
    await()
        .atMost(Duration.ofMinutes(2))
        .untilAsserted(() -> {
          List<String> metrics = calls.send("GET", "/metrics").text().lines().toList();
          assertThat(metrics)
              .filteredOn(line -> line.startsWith("cistern_uncaught_total"))
              .allSatisfy(line -> assertThat(line).endsWith(" 0.0"));
          assertThat(metrics)
              .filteredOn(line -> line.startsWith("cistern_memory_waiting_bytes"))
              .filteredOn(line -> !line.contains("metrics") && !line.contains("\"fills\""))
              .allSatisfy(line -> assertThat(line).endsWith(" 0.0"));
        });
  }

  private static long resident(CisternServer server) {
    try {
      for (String line :
          Files.readAllLines(Path.of("/proc", Long.toString(server.pid()), "status"), UTF_8)) {
        if (line.startsWith("VmRSS:")) {
          return Long.parseLong(line.replaceAll("\\D", "")) << 10;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    throw new AssertionError("no VmRSS");
  }
}
