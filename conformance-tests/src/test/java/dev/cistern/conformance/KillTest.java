package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code kill -9} at random moments of pushes and fills. After each restart everything that was
 * acknowledged is there and verifies, nothing half-done is visible, and what was left is gone on
 * with. The system property {@code cistern.kills} says how often; {@code cistern.seed} repeats a
 * run as far as threads allow.
 */
class KillTest {
  private static final int PUSHING = 3;
  private static final int PULLING = 2;
  private static final int POOL = 20;
  private static final int LARGEST_BLOB = 700_000;
  private static final int LARGEST_LAYER = 3_000_000;
  private static final int LARGEST_FUSE = 4 << 20;
  private static final int IMAGES_VERIFIED = 4;
  private static final String BASE = "kill/base";

  private final long seed = Long.getLong("cistern.seed", new SplittableRandom().nextLong());
  private final int kills = Integer.getInteger("cistern.kills", 8);
  private final SplittableRandom random = new SplittableRandom(seed);
  private final List<Ledger> ledgers =
      IntStream.range(0, PUSHING).mapToObj(i -> new Ledger("kill/client" + i)).toList();
  private final Ledger base = new Ledger(BASE);
  private final List<Sample> pool =
      IntStream.range(0, POOL).mapToObj(i -> blob(LARGEST_BLOB)).toList();
  private final Map<String, Image> images = new LinkedHashMap<>();
  private int resumed;
  private int whole;

  /** An image of the upstream. */
  private record Image(String tag, Sample manifest, List<Sample> layers) {}

  @Test
  void whatWasAcknowledgedSurvivesKillsAndNothingHalfDoneIsVisible(@TempDir Path data)
      throws IOException {
    System.out.printf("KillTest: -Dcistern.seed=%d -Dcistern.kills=%d%n", seed, kills);
    try (SeededUpstream upstream = SeededUpstream.start()) {
      prepare(data, upstream);
      for (int kill = 1; kill <= kills; kill++) {
        int bytes = addImage(upstream, kill);
        boolean isPull = random.nextBoolean();
        int most = 1 + random.nextInt(isPull ? bytes : random.nextInt(1, LARGEST_FUSE));
        CisternServer server = start(data, upstream);
        try {
          work(server, upstream, isPull, most);
        } catch (AssertionError | RuntimeException e) {
          throw new AssertionError(report(kill, server), e);
        } finally {
          server.kill();
        }
        verify(data, upstream, kill);
      }
      finish(data, upstream);
    }
    System.out.printf(
        "KillTest: %d kills; %d downloads resumed, %d found whole; %d uploads began again%n",
        kills, resumed, whole, ledgers.stream().mapToInt(Ledger::restarted).sum());
  }

  /** Pushes what is mounted from later on. */
  private void prepare(Path data, SeededUpstream upstream) throws IOException {
    try (CisternServer server = start(data, upstream);
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      var client = new PushingClient(random.split(), base, calls, pool, BASE);
      for (Sample blob : pool.subList(0, POOL / 2)) {
        client.pushAtOnce(blob);
      }
    }
  }

  private int addImage(SeededUpstream upstream, int kill) {
    String tag = "v" + kill;
    List<Sample> layers =
        IntStream.rangeClosed(0, random.nextInt(3)).mapToObj(i -> blob(LARGEST_LAYER)).toList();
    Sample manifest = upstream.add(tag, layers);
    images.put(tag, new Image(tag, manifest, layers));
    return manifest.size() + layers.stream().mapToInt(Sample::size).sum();
  }

  private Sample blob(int largest) {
    return Sample.seeded(
        random.nextLong(),
        random.nextInt(12) == 0 ? 0 : random.nextInt(random.nextInt(1, largest)));
  }

  /**
   * Lets the clients work until enough bytes have moved, and kills the server. In the midst of a
   * pull the upstream stops after {@code most} bytes, and the kill comes when half as many have
   * reached the clients.
   */
  private void work(CisternServer server, SeededUpstream upstream, boolean isPull, int most) {
    var fuse = new Fuse(isPull ? most / 2 : most);
    if (isPull) {
      upstream.limit(fuse, most);
    } else {
      upstream.burn(fuse);
    }
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        HttpCalls pulls = new HttpCalls(server, fuse);
        HttpCalls calls = new HttpCalls(server, isPull ? Fuse.endless() : fuse)) {
      var clients = new ArrayList<Future<?>>();
      for (Ledger ledger : ledgers) {
        var client = new PushingClient(random.split(), ledger, calls, pool, BASE);
        clients.add(threads.submit(() -> untilKilled(fuse, client::step)));
      }
      for (int i = 0; i < PULLING; i++) {
        SplittableRandom own = random.split();
        clients.add(threads.submit(() -> untilKilled(fuse, () -> pull(pulls, own))));
      }
      fuse.awaitBurnt();
      server.kill();
      fuse.killed();
      for (Future<?> client : clients) {
        client.get();
      }
    } catch (ExecutionException e) {
      throw new AssertionError("a client failed", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    } finally {
      upstream.burn(Fuse.endless());
    }
  }

  private interface Step {
    void take() throws IOException;
  }

  /** Takes steps until the server is killed; an error before that is a failure. */
  private static void untilKilled(Fuse fuse, Step step) {
    try {
      while (true) {
        step.take();
      }
    } catch (IOException e) {
      try {
        fuse.awaitKill();
      } catch (AssertionError alive) {
        alive.addSuppressed(e);
        fuse.end();
        throw alive;
      }
    } catch (RuntimeException | Error e) {
      fuse.end();
      throw e;
    }
  }

  /** Pulls an image, mostly the newest, or leaves in the midst of it. */
  private void pull(HttpCalls calls, SplittableRandom own) throws IOException {
    List<Image> all = List.copyOf(images.values());
    Image image = own.nextInt(3) > 0 ? all.getLast() : all.get(own.nextInt(all.size()));
    HttpCalls.Reply manifest = calls.send("GET", "/v2/up/image/manifests/" + image.tag());
    assertThat(manifest.status()).as("%s", manifest).isEqualTo(200);
    assertThat(manifest.body()).isEqualTo(image.manifest().bytes());
    for (Sample layer : image.layers()) {
      String path = "/v2/up/image/blobs/" + layer.digest();
      if (own.nextInt(4) == 0) {
        calls.leave(path, layer.size() / 2);
      } else {
        HttpCalls.Reply reply = calls.send("GET", path);
        assertThat(reply.status()).as("%s", reply).isEqualTo(200);
        assertThat(Sample.digest(reply.body())).isEqualTo(layer.digest());
      }
    }
    calls.fuse().acknowledged();
  }

  private void verify(Path data, SeededUpstream upstream, int kill) throws IOException {
    Map<String, Long> fills = fills(data);
    upstream.takeGets();
    CisternServer server = start(data, upstream);
    try (server;
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (Ledger ledger : ledgers) {
        ledger.verify(calls);
      }
      base.verify(calls);
      List<Image> newest = List.copyOf(images.values());
      for (Image image :
          newest.subList(Math.max(0, newest.size() - IMAGES_VERIFIED), newest.size())) {
        verifyImage(calls, image);
      }
      verifyFills(data, upstream.takeGets(), fills);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(report(kill, server), e);
    }
  }

  private static void verifyImage(HttpCalls calls, Image image) throws IOException {
    HttpCalls.Reply manifest = calls.send("GET", "/v2/up/image/manifests/" + image.tag());
    assertThat(manifest.body()).isEqualTo(image.manifest().bytes());
    for (Sample layer : image.layers()) {
      HttpCalls.Reply reply = calls.send("GET", "/v2/up/image/blobs/" + layer.digest());
      assertThat(reply.status()).as("%s", reply).isEqualTo(200);
      assertThat(Sample.digest(reply.body())).isEqualTo(layer.digest());
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
  private void finish(Path data, SeededUpstream upstream) throws IOException {
    try (CisternServer server = start(data, upstream);
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      for (Ledger ledger : ledgers) {
        new PushingClient(random.split(), ledger, calls, pool, BASE).finishUploads();
        ledger.verify(calls);
      }
      for (Image image : images.values()) {
        verifyImage(calls, image);
      }
    }
    try (CisternServer server = start(data, upstream);
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      upstream.takeGets();
      for (Ledger ledger : ledgers) {
        ledger.verify(calls);
      }
      for (Image image : images.values()) {
        verifyImage(calls, image);
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

  private static CisternServer start(Path data, SeededUpstream upstream) {
    return CisternServer.start(data, "--upstream", "up=" + upstream.url());
  }

  private String report(int kill, CisternServer server) {
    List<String> log = server.log();
    return "with -Dcistern.seed="
        + seed
        + ", kill "
        + kill
        + "; the end of the log:\n"
        + String.join("\n", log.subList(Math.max(0, log.size() - 30), log.size()));
  }
}
