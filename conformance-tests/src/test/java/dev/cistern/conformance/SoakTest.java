package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All kinds of clients for long, against two upstreams with all kinds of faults and a store that is
 * always full: no byte is wrong, nothing that was acknowledged is lost, no error is ours, and what
 * the server takes of the machine does not grow.
 *
 * <p>{@code -Dcistern.soakMinutes} says how long (default: 20 seconds); {@code -Dcistern.seed}
 * repeats a run as far as threads allow. The script {@code bench/soak} runs it for an hour.
 */
class SoakTest {
  private static final int PULLING = 6;
  private static final int REPOSITORIES = 3;
  private static final int IMAGES = 12;
  private static final int LARGEST_LAYER = 3 << 20;
  private static final int FAR = 20 << 20;
  private static final int MOST_PUSHED = 10;
  private static final int SAMPLES = 40;
  private static final Duration SETTLING = Duration.ofMinutes(4);

  /**
   * How much more may be open or running at the end than after the warm-up: as many files as are
   * kept open for those who ask next (32 MiB, and 64 KiB for each).
   */
  private static final long MORE_FILES = 512;

  private static final long MORE_THREADS = 16;

  /** How much more may be taken on average in the last quarter than in the second. */
  private static final long MORE_RESIDENT_BYTES = 64L << 20;

  private static final long MORE_INDEX_BYTES = 64L << 20;

  private static final Set<Integer> FAILURES = Set.of(403, 404, 416, 429, 502, 503, 504, 507);

  private final long seed = Long.getLong("cistern.seed", new SplittableRandom().nextLong());
  private final int minutes = Integer.getInteger("cistern.soakMinutes", 0);
  private final Duration time = minutes > 0 ? Duration.ofMinutes(minutes) : Duration.ofSeconds(20);
  private final SplittableRandom random = new SplittableRandom(seed);
  private final List<Image> images = new ArrayList<>();
  private final List<Level> samples = new ArrayList<>();
  private final Map<String, LongAdder> tally = new ConcurrentSkipListMap<>();
  private final AtomicReference<CountDownLatch> gate = new AtomicReference<>(new CountDownLatch(1));
  private volatile boolean isOver;

  /** An image of an upstream; {@code path} is that of its repository here. */
  private record Image(
      String path, String tag, byte[] manifest, String digest, List<byte[]> layers) {}

  /** An image that a push was acknowledged for. */
  private record Pushed(byte[] manifest, List<byte[]> blobs) {}

  /** What the server takes of the machine. */
  private record Level(long resident, long files, long threads, long index) {
    static Level of(CisternServer server, Path data) {
      try {
        Path process = Path.of("/proc", Long.toString(server.pid()));
        var status = new TreeMap<String, Long>();
        for (String line : Files.readAllLines(process.resolve("status"), UTF_8)) {
          if (line.startsWith("VmRSS:") || line.startsWith("Threads:")) {
            status.put(line.split(":", 2)[0], Long.parseLong(line.replaceAll("\\D", "")));
          }
        }
        long index = 0;
        try (Stream<Path> files = Files.list(data.resolve("index"))) {
          for (Path file : files.toList()) {
            index += file.toFile().length();
          }
        }
        try (Stream<Path> files = Files.list(process.resolve("fd"))) {
          return new Level(
              status.getOrDefault("VmRSS", 0L) << 10,
              files.count(),
              status.getOrDefault("Threads", 0L),
              index);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public String toString() {
      return "%d MiB resident, %d files, %d threads, %d KiB index"
          .formatted(resident >> 20, files, threads, index >> 10);
    }
  }

  @Test
  void nothingGrowsAndNothingIsWrongHoweverLongItRuns(@TempDir Path directory) throws Exception {
    System.out.printf("SoakTest: -Dcistern.seed=%d, %s%n", seed, time);
    try (UpstreamRegistry one = UpstreamRegistry.start();
        UpstreamRegistry two = UpstreamRegistry.start()) {
      fill("one", one);
      fill("two", two);
      CisternServer server =
          new TestConfig(directory)
              .upstream("one", one, "freshness: 1s", "insecure: true")
              .upstream("two", two, "freshness: 1s", "insecure: true")
              .line("absence: 100ms")
              .line("storage: {path: " + directory.resolve("data") + ", maxSize: 96MiB}")
              .environment("CISTERN_ACCESS_LOG", "off")
              .start();
      try (server) {
        soak(server, directory.resolve("data"), List.of(one, two));
      } catch (AssertionError e) {
        throw new AssertionError(report(server), e);
      }
      assertThat(server.log().stream().filter(line -> line.contains(" ERROR "))).isEmpty();
    }
  }

  private void fill(String name, UpstreamRegistry upstream) {
    for (int i = 0; i < IMAGES * REPOSITORIES; i++) {
      String repository = "image" + i % REPOSITORIES;
      var layers = new ArrayList<byte[]>();
      layers.add(Samples.bytes(1 + random.nextInt(5_000), random.nextLong()));
      int most = i < REPOSITORIES ? FAR + LARGEST_LAYER : LARGEST_LAYER;
      layers.add(Samples.bytes(most / 2 + random.nextInt(most / 2), random.nextLong()));
      layers.add(Samples.bytes(1 + random.nextInt(LARGEST_LAYER), random.nextLong()));
      layers.forEach(layer -> upstream.addBlob(repository, layer));
      byte[] manifest = manifest(name + i, layers);
      String digest = upstream.addManifest(repository, manifest, "v" + i);
      images.add(new Image("/v2/" + name + "/" + repository, "v" + i, manifest, digest, layers));
    }
  }

  private static byte[] manifest(String text, List<byte[]> blobs) {
    List<String> descriptors =
        blobs.stream()
            .map(blob -> ManifestText.descriptor("a/b", Samples.digest(blob), blob.length))
            .toList();
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s],\"annotations\":{\"a\":\"%s\"}}"
        .formatted(
            Samples.IMAGE,
            descriptors.getFirst(),
            descriptors.stream().skip(1).collect(joining(",")),
            text)
        .getBytes(UTF_8);
  }

  private void soak(CisternServer server, Path data, List<UpstreamRegistry> upstreams)
      throws Exception {
    try (HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (Image image : images) {
        pull(calls, image, random.split());
      }
    }
    Level warm = Level.of(server, data);
    for (UpstreamRegistry upstream : upstreams) {
      SplittableRandom own = random.split();
      upstream.usually(request -> answer(request, own));
    }
    load(server, data, upstreams);
    upstreams.forEach(UpstreamRegistry::heal);
    openGate();
    assertThat(samples).as("samples").hasSizeGreaterThan(SAMPLES / 2);
    Level last = Level.of(server, data);
    System.out.printf("SoakTest: warm: %s; at the end: %s; %s%n", warm, last, tally);
    await("what is open goes back to what was open after the warm-up")
        .atMost(SETTLING)
        .untilAsserted(() -> {
          Level now = Level.of(server, data);
          assertThat(now.files()).isLessThanOrEqualTo(warm.files() + MORE_FILES);
          assertThat(now.threads()).isLessThanOrEqualTo(warm.threads() + MORE_THREADS);
        });
    System.out.printf("SoakTest: settled: %s%n", Level.of(server, data));
    assertNoGrowth("resident bytes", Level::resident, MORE_RESIDENT_BYTES);
    assertNoGrowth("bytes of the index", Level::index, MORE_INDEX_BYTES);
    assertThat(tally).containsKeys("whole", "range", "left", "pushed", "deleted", "failed");
  }

  private void load(CisternServer server, Path data, List<UpstreamRegistry> upstreams)
      throws Exception {
    try (HttpCalls calls = new HttpCalls(server, Fuse.endless());
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        var sampler = Executors.newSingleThreadScheduledExecutor()) {
      long period = Math.min(60_000, time.toMillis() / SAMPLES);
      Future<?> sampling =
          sampler.scheduleAtFixedRate(
              () -> {
                samples.add(Level.of(server, data));
                openGate();
                upstreams.forEach(UpstreamRegistry::forget);
                if (minutes > 0 && samples.size() % Math.max(1, 60_000 / period) == 0) {
                  System.out.printf("SoakTest: %s; %s%n", samples.getLast(), tally);
                }
              },
              period,
              period,
              TimeUnit.MILLISECONDS);
      Future<?> end = sampler.schedule(() -> isOver = true, time.toMillis(), TimeUnit.MILLISECONDS);
      var clients = new ArrayList<Future<?>>();
      for (int i = 0; i < PULLING; i++) {
        SplittableRandom own = random.split();
        clients.add(
            repeat(threads, () -> pull(calls, images.get(own.nextInt(images.size())), own)));
      }
      var pushed = new ArrayDeque<Pushed>();
      SplittableRandom pushing = random.split();
      clients.add(repeat(threads, () -> push(calls, pushed, pushing)));
      SplittableRandom asking = random.split();
      clients.add(repeat(threads, () -> ask(calls, asking)));
      try {
        for (Future<?> client : clients) {
          client.get();
        }
      } catch (ExecutionException e) {
        throw new AssertionError("a client failed", e.getCause());
      } finally {
        isOver = true;
        openGate();
        end.cancel(false);
        sampling.cancel(false);
        sampler.shutdown();
      }
    }
  }

  private interface Step {
    void take() throws IOException;
  }

  /** Takes steps until it is over, or until somebody fails. */
  private Future<?> repeat(ExecutorService threads, Step step) {
    return threads.submit(() -> {
      try {
        while (!isOver) {
          step.take();
        }
      } finally {
        isOver = true;
      }
      return null;
    });
  }

  private void openGate() {
    gate.getAndSet(new CountDownLatch(1)).countDown();
  }

  /** Returns how an upstream answers: mostly as it should. */
  private Answer answer(Received request, SplittableRandom own) {
    synchronized (own) {
      if (own.nextInt(5) > 0) {
        return new Answer.Healthy();
      }
      boolean isBlob = request.target().contains("/blobs/") && request.method().equals("GET");
      int at = own.nextInt(1, LARGEST_LAYER);
      return switch (own.nextInt(isBlob ? 14 : 6)) {
        case 0 -> Answer.status(own.nextBoolean() ? 500 : 503);
        case 1 -> Answer.status(own.nextBoolean() ? 403 : 404);
        case 2 -> Answer.throttled("1");
        case 3 -> new Answer.HungUp();
        case 4 -> new Answer.Held(gate.get());
        case 5 -> new Answer.HeldInHead(gate.get());
        case 6 -> new Answer.HeldInBody(own.nextInt(LARGEST_LAYER), gate.get());
        case 7 -> new Answer.Flipped(0);
        case 8 -> new Answer.Shortened(1);
        case 9 -> new Answer.Lengthened(at);
        case 10 -> new Answer.Chunked();
        case 11 -> new Answer.Trickled(own.nextInt(2_000, 20_000));
        case 12 -> new Answer.Rangeless();
        default -> new Answer.Cut(at);
      };
    }
  }

  /** Does one of the things that clients do with an image. */
  private void pull(HttpCalls calls, Image image, SplittableRandom own) throws IOException {
    byte[] layer = image.layers().get(own.nextInt(image.layers().size()));
    String path = image.path() + "/blobs/" + Samples.digest(layer);
    switch (own.nextInt(8)) {
      case 0 -> count(calls.send("HEAD", image.path() + "/manifests/" + image.tag()), "head");
      case 1 -> count(calls.send("HEAD", path), "head");
      case 2 -> leave(calls, path, own.nextInt(layer.length));
      case 3 -> range(calls, path, layer, own.nextInt(layer.length), own);
      case 4 -> {
        if (layer.length > FAR) {
          range(calls, path, layer, FAR - own.nextInt(1 << 20), own);
        }
      }
      default -> whole(calls, image, own.nextBoolean() ? image.tag() : image.digest());
    }
  }

  private void whole(HttpCalls calls, Image image, String reference) throws IOException {
    get(calls, image.path() + "/manifests/" + reference, image.manifest());
    for (byte[] layer : image.layers()) {
      get(calls, image.path() + "/blobs/" + Samples.digest(layer), layer);
    }
  }

  private void get(HttpCalls calls, String path, byte[] expected) {
    try {
      HttpCalls.Reply reply = calls.send("GET", path);
      if (reply.status() == 200) {
        assertThat(Samples.digest(reply.body())).as(path).isEqualTo(Samples.digest(expected));
      }
      count(reply, "whole");
    } catch (IOException cut) {
      count("cut");
    }
  }

  /** Gets a part; what has not been verified yet may be wrong, so only a hit says something. */
  private void range(HttpCalls calls, String path, byte[] blob, int from, SplittableRandom own) {
    int end = Math.min(blob.length, from + 1 + own.nextInt(100_000));
    try {
      HttpCalls.Reply reply =
          calls.send("GET", path, new byte[0], "Range", "bytes=" + from + "-" + (end - 1));
      if (reply.status() == 206 && "cistern; hit".equals(reply.header("Cache-Status"))) {
        assertThat(reply.body()).as(path).isEqualTo(Arrays.copyOfRange(blob, from, end));
      }
      count(reply, "range");
    } catch (IOException cut) {
      count("cut");
    }
  }

  private void leave(HttpCalls calls, String path, int most) {
    try {
      count(calls.leave(path, most), "left");
    } catch (IOException cut) {
      count("cut");
    }
  }

  /** Pushes an image, reads one back, and deletes the oldest when there are many. */
  private void push(HttpCalls calls, Deque<Pushed> pushed, SplittableRandom own)
      throws IOException {
    List<byte[]> blobs =
        List.of(
            Samples.bytes(own.nextInt(1, 300_000), own.nextLong()),
            Samples.bytes(own.nextInt(1, 300_000), own.nextLong()));
    byte[] manifest = manifest("pushed " + own.nextLong(), blobs);
    boolean isTaken = true;
    for (byte[] blob : blobs) {
      isTaken &= isTaken(calls, "POST", "blobs/uploads/?digest=" + Samples.digest(blob), blob);
    }
    if (isTaken && isTaken(calls, "PUT", "manifests/" + Samples.digest(manifest), manifest)) {
      pushed.add(new Pushed(manifest, blobs));
      count("pushed");
    }
    for (Pushed image : pushed) {
      assertThere(calls, "manifests/", image.manifest());
      assertThere(calls, "blobs/", image.blobs().get(own.nextInt(2)));
    }
    if (pushed.size() > MOST_PUSHED || (!isTaken && !pushed.isEmpty())) {
      Pushed oldest = pushed.remove();
      delete(calls, "manifests/" + Samples.digest(oldest.manifest()));
      for (byte[] blob : oldest.blobs()) {
        delete(calls, "blobs/" + Samples.digest(blob));
      }
      count("deleted");
    }
  }

  private static boolean isTaken(HttpCalls calls, String method, String target, byte[] body)
      throws IOException {
    HttpCalls.Reply reply =
        calls.send(method, "/v2/pushed/" + target, body, "Content-Type", Samples.IMAGE);
    assertThat(reply.status()).as("%s", reply).isIn(201, 507);
    return reply.status() == 201;
  }

  private static void assertThere(HttpCalls calls, String place, byte[] content)
      throws IOException {
    HttpCalls.Reply reply = calls.send("GET", "/v2/pushed/" + place + Samples.digest(content));
    assertThat(reply.body()).as("%s", reply).isEqualTo(content);
  }

  private static void delete(HttpCalls calls, String target) throws IOException {
    assertThat(calls.send("DELETE", "/v2/pushed/" + target).status()).isEqualTo(202);
  }

  /** Asks what is asked beside pulls and pushes. */
  private void ask(HttpCalls calls, SplittableRandom own) throws IOException {
    Image image = images.get(own.nextInt(images.size()));
    String name = image.path().substring("/v2/".length());
    switch (own.nextInt(5)) {
      case 0 -> count(calls.send("GET", image.path() + "/tags/list"), "list");
      case 1 -> count(calls.send("GET", image.path() + "/referrers/" + image.digest()), "list");
      case 2 ->
          assertThat(calls.send("GET", "/admin/why?ref=" + name + ":" + image.tag()).status())
              .isEqualTo(200);
      case 3 -> assertThat(calls.send("GET", "/metrics").status()).isEqualTo(200);
      default -> assertThat(calls.send("GET", "/healthz").status()).isEqualTo(200);
    }
  }

  private void count(HttpCalls.Reply reply, String what) {
    if (reply.status() < 400) {
      count(what);
    } else {
      assertThat(FAILURES).as("%s", reply).contains(reply.status());
      count("failed");
    }
  }

  private void count(String what) {
    tally.computeIfAbsent(what, absent -> new LongAdder()).increment();
  }

  private void assertNoGrowth(String what, ToLongFunction<Level> value, long more) {
    int quarter = samples.size() / 4;
    double second = average(samples.subList(quarter, 2 * quarter), value);
    double last = average(samples.subList(samples.size() - quarter, samples.size()), value);
    assertThat(last).as("%s: on average %.0f before", what, second).isLessThan(second + more);
  }

  private static double average(List<Level> some, ToLongFunction<Level> value) {
    return some.stream().mapToLong(value).average().orElseThrow();
  }

  private String report(CisternServer server) {
    return "with -Dcistern.seed=" + seed + "; " + server.state();
  }
}
