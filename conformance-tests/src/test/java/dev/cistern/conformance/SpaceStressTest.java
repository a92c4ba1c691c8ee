package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.GeneratedUpstream.Image;
import dev.cistern.conformance.GeneratedUpstream.Layer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Many times more is pulled through a small disk than fits on it, by several clients at once, with
 * pushes and deletes between: no pull fails, what was acknowledged stays, the limit holds, and only
 * pushes are ever refused.
 *
 * <p>{@code -Dcistern.stressGiB=10} pulls as much through a disk of 1 GiB; {@code -Dcistern.seed}
 * repeats a run as far as threads allow.
 */
class SpaceStressTest {
  private static final int PULLING = 8;
  private static final long MEBIBYTE = 1 << 20;
  private static final int REPOSITORIES = 3;
  private static final int MOST_LAYERS = 4;

  /** What the index takes beside the content, with the log that is allocated before it is used. */
  private static final long INDEX_BYTES = 32 * MEBIBYTE;

  private static final Duration RECOVERY = Duration.ofSeconds(60);
  private static final Pattern EVICTED = Pattern.compile("cistern_evicted_images_total (\\d+)");

  private final long seed = Long.getLong("cistern.seed", new SplittableRandom().nextLong());
  private final int gibibytes = Integer.getInteger("cistern.stressGiB", 0);
  private final int diskMebibytes = gibibytes > 0 ? 1024 : 192;
  private final long pulledBytes = gibibytes > 0 ? (long) gibibytes << 30 : 1L << 30;
  private final SplittableRandom random = new SplittableRandom(seed);
  private final Semaphore pushes = new Semaphore(0);
  private final Deque<Pushed> pushed = new ArrayDeque<>();
  private final LongAdder pulls = new LongAdder();
  private final LongAdder bytes = new LongAdder();
  private final LongAdder passed = new LongAdder();
  private final LongAdder hits = new LongAdder();
  private final LongAdder left = new LongAdder();
  private final AtomicLong mostUsed = new AtomicLong();
  private int acknowledged;
  private int refused;
  private int deleted;

  /** An image that a push was acknowledged for. */
  private record Pushed(String repository, Sample manifest, List<String> blobs) {}

  @Test
  void aSmallDiskIsEnoughForAnyNumberOfPulls(@TempDir Path mountPoint) throws IOException {
    try (SmallDisk disk = SmallDisk.mount(mountPoint, diskMebibytes)) {
      long minFree = diskMebibytes * MEBIBYTE / 16;
      stress(disk, mountPoint, "", diskMebibytes * MEBIBYTE - minFree);
    }
  }

  @Test
  void maxSizeHoldsWhateverIsPulled(@TempDir Path mountPoint) throws IOException {
    try (SmallDisk disk = SmallDisk.mount(mountPoint, diskMebibytes)) {
      long maxMebibytes = gibibytes > 0 ? 700 : 128;
      stress(disk, mountPoint, "maxSize: " + maxMebibytes + "MiB", maxMebibytes * MEBIBYTE);
    }
  }

  private void stress(SmallDisk disk, Path directory, String setting, long limit)
      throws IOException {
    System.out.printf("SpaceStressTest: -Dcistern.seed=%d %s%n", seed, setting);
    try (GeneratedUpstream upstream = GeneratedUpstream.start()) {
      Queue<Image> queue = images(upstream);
      CisternServer server = start(directory, upstream, setting);
      try (server;
          HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
        pull(calls, disk, queue, limit);
        recover(calls);
        assertAcknowledged(calls);
        System.out.printf(
            "SpaceStressTest: seed %d: %d pulls of %d MiB, %d layers hit, %d passed through, %d"
                + " left in the middle; %d images evicted; %d images pushed, %d deleted, %d pushes"
                + " refused; at most %d of %d MiB used%n",
            seed,
            pulls.sum(),
            bytes.sum() / MEBIBYTE,
            hits.sum(),
            passed.sum(),
            left.sum(),
            evicted(calls),
            acknowledged,
            deleted,
            refused,
            mostUsed.get() / MEBIBYTE,
            limit / MEBIBYTE);
        assertThat(evicted(calls)).isPositive();
        assertThat(refused).as("refused pushes").isPositive();
      } catch (AssertionError | IOException e) {
        throw new AssertionError(report(server), e);
      }
      try (CisternServer again = start(directory, upstream, setting);
          HttpCalls calls = new HttpCalls(again, Fuse.endless())) {
        assertAcknowledged(calls);
      }
      assertThat(server.log().stream().filter(line -> line.contains(" ERROR "))).isEmpty();
    }
  }

  private static CisternServer start(Path directory, GeneratedUpstream upstream, String setting)
      throws IOException {
    Path file =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            "storage:\n  path: "
                + directory.resolve("data")
                + (setting.isEmpty() ? "" : "\n  " + setting)
                + "\n");
    return CisternServer.start(
        directory.resolve("data"),
        "--config",
        file.toString(),
        "--upstream",
        "up=" + upstream.url());
  }

  /** Returns images in the order they are to be pulled: each once, and some again. */
  private Queue<Image> images(GeneratedUpstream upstream) {
    long largest = diskMebibytes * MEBIBYTE / 12;
    var layers = new ArrayList<Layer>();
    var images = new ArrayList<Image>();
    long total = 0;
    while (total < pulledBytes) {
      var content = new ArrayList<Layer>();
      content.add(Layer.of(random.nextLong(), random.nextInt(200, 10_000)));
      for (int i = random.nextInt(MOST_LAYERS); i >= 0; i--) {
        if (layers.isEmpty() || random.nextInt(5) > 0) {
          layers.add(Layer.of(random.nextLong(), random.nextLong(random.nextLong(1, largest)) + 1));
          content.add(layers.getLast());
        } else {
          content.add(layers.get(random.nextInt(layers.size())));
        }
      }
      String repository = "image" + random.nextInt(REPOSITORIES);
      images.add(upstream.add(repository, "v" + images.size(), content));
      total += images.getLast().bytes();
      if (random.nextInt(4) == 0) {
        images.add(images.get(random.nextInt(images.size())));
      }
    }
    Collections.shuffle(images, new Random(seed));
    return new ConcurrentLinkedQueue<>(images);
  }

  private void pull(HttpCalls calls, SmallDisk disk, Queue<Image> queue, long limit) {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var clients = new ArrayList<Future<?>>();
      for (int i = 0; i < PULLING; i++) {
        SplittableRandom own = random.split();
        clients.add(
            threads.submit(() -> {
              for (Image image = queue.poll(); image != null; image = queue.poll()) {
                pull(calls, image, own);
                pushes.release();
                assertLimit(disk, limit);
              }
              return null;
            }));
      }
      SplittableRandom own = random.split();
      Future<?> pushing =
          threads.submit(() -> {
            while (true) {
              pushes.acquire();
              push(calls, own);
            }
          });
      try {
        for (Future<?> client : clients) {
          client.get();
        }
        if (pushing.isDone()) {
          pushing.get();
        }
      } finally {
        queue.clear();
        pushing.cancel(true);
      }
    } catch (ExecutionException e) {
      throw new AssertionError("a client failed", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private void pull(HttpCalls calls, Image image, SplittableRandom own) throws IOException {
    String repository = "/v2/up/" + image.repository();
    HttpCalls.Reply manifest = calls.send("GET", repository + "/manifests/" + image.tag());
    assertThat(manifest.status()).as("%s", manifest).isEqualTo(200);
    assertThat(manifest.body()).isEqualTo(image.manifest().bytes());
    for (Layer layer : image.layers()) {
      String path = repository + "/blobs/" + layer.digest();
      if (own.nextInt(10) == 0) {
        HttpCalls.Hashed part = calls.hash(path, own.nextLong(layer.size()));
        assertThat(part.status()).as(path).isEqualTo(200);
        left.increment();
        continue;
      }
      HttpCalls.Hashed reply = calls.hash(path, Long.MAX_VALUE);
      assertThat(reply.status()).as(path).isEqualTo(200);
      assertThat(reply.bytes()).as(path).isEqualTo(layer.size());
      assertThat(reply.digest()).isEqualTo(layer.digest());
      String cache = reply.header("Cache-Status");
      hits.add(cache.equals("cistern; hit") ? 1 : 0);
      passed.add(cache.contains("no room") ? 1 : 0);
      bytes.add(layer.size());
    }
    pulls.increment();
  }

  private void assertLimit(SmallDisk disk, long limit) throws IOException {
    long used = disk.usedBytes();
    mostUsed.accumulateAndGet(used, Math::max);
    assertThat(used).as("bytes used").isLessThanOrEqualTo(limit + INDEX_BYTES);
  }

  /** Pushes an image; after some refusals in a row, deletes half of what was pushed. */
  private void push(HttpCalls calls, SplittableRandom own) throws IOException {
    int number = acknowledged + refused;
    String repository = "pushed/" + number % REPOSITORIES;
    var blobs = new ArrayList<Sample>();
    for (int i = gibibytes > 0 ? 3 : own.nextInt(1, 3); i >= 0; i--) {
      blobs.add(Sample.seeded(own.nextLong(), own.nextInt(largestPush())));
    }
    Sample manifest = Images.image(blobs.getFirst(), blobs, "push " + number);
    boolean isTaken = true;
    for (Sample blob : blobs) {
      isTaken = isTaken && isTaken(pushBlob(calls, repository, blob));
    }
    isTaken = isTaken && isTaken(putManifest(calls, repository, manifest, "v" + number));
    if (isTaken) {
      acknowledged++;
      pushed.add(new Pushed(repository, manifest, blobs.stream().map(Sample::digest).toList()));
    } else {
      refused++;
      if (own.nextInt(4) == 0) {
        deleteHalf(calls);
      }
    }
  }

  /** Returns how many bytes a blob that is pushed has at most: what a refusal reads to its end. */
  private int largestPush() {
    return (int) Math.min(diskMebibytes * MEBIBYTE / 40, 12 * MEBIBYTE);
  }

  private void deleteHalf(HttpCalls calls) throws IOException {
    for (int i = pushed.size() / 2; i > 0; i--) {
      Pushed image = pushed.remove();
      String repository = "/v2/" + image.repository();
      String manifest = repository + "/manifests/" + image.manifest().digest();
      assertThat(calls.send("DELETE", manifest).status()).isEqualTo(202);
      for (String blob : image.blobs()) {
        assertThat(calls.send("DELETE", repository + "/blobs/" + blob).status()).isEqualTo(202);
      }
      deleted++;
    }
  }

  private static HttpCalls.Reply pushBlob(HttpCalls calls, String repository, Sample blob)
      throws IOException {
    return calls.send(
        "POST",
        "/v2/" + repository + "/blobs/uploads/?digest=" + blob.digest(),
        blob.bytes(),
        "Content-Type",
        "application/octet-stream");
  }

  private static HttpCalls.Reply putManifest(
      HttpCalls calls, String repository, Sample manifest, String tag) throws IOException {
    return calls.send(
        "PUT",
        "/v2/" + repository + "/manifests/" + tag,
        manifest.bytes(),
        "Content-Type",
        Images.IMAGE);
  }

  /** Says whether a push was acknowledged; otherwise it was refused in clear words. */
  private static boolean isTaken(HttpCalls.Reply reply) {
    if (reply.status() != 201) {
      assertThat(reply.status()).as("%s", reply).isEqualTo(507);
      RegistryClient.assertErrorBody(
          String.valueOf(reply.header("Content-Type")), reply.text(), "INSUFFICIENT_STORAGE");
    }
    return reply.status() == 201;
  }

  /** When nobody pulls any more and half of what was pushed is deleted, pushes work again. */
  private void recover(HttpCalls calls) throws IOException {
    deleteHalf(calls);
    Sample blob = Sample.seeded(seed, largestPush());
    Sample manifest = Images.image(blob, List.of(blob), "after");
    await().atMost(RECOVERY).until(() -> isTaken(pushBlob(calls, "pushed/after", blob)));
    assertThat(putManifest(calls, "pushed/after", manifest, "v1").status()).isEqualTo(201);
    pushed.add(new Pushed("pushed/after", manifest, List.of(blob.digest())));
  }

  private void assertAcknowledged(HttpCalls calls) throws IOException {
    for (Pushed image : pushed) {
      String repository = "/v2/" + image.repository();
      HttpCalls.Reply manifest =
          calls.send("GET", repository + "/manifests/" + image.manifest().digest());
      assertThat(manifest.body()).as("%s", manifest).isEqualTo(image.manifest().bytes());
      for (String blob : image.blobs()) {
        assertThat(calls.hash(repository + "/blobs/" + blob, Long.MAX_VALUE).digest())
            .as("a blob of a pushed image")
            .isEqualTo(blob);
      }
    }
  }

  private static long evicted(HttpCalls calls) throws IOException {
    String text = calls.send("GET", "/metrics").text();
    Matcher matcher = EVICTED.matcher(text);
    assertThat(matcher.find()).as(text).isTrue();
    return Long.parseLong(matcher.group(1));
  }

  private String report(CisternServer server) {
    List<String> log =
        server.log().stream().filter(line -> !line.contains("INFO  access")).toList();
    return "with -Dcistern.seed="
        + seed
        + "; the end of the log:\n"
        + String.join("\n", log.subList(Math.max(0, log.size() - 30), log.size()));
  }
}
