package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
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

/**
 * Pushes and pulls of several clients that a {@code kill -9} ends at a random moment, and the
 * ledgers of what was acknowledged. A seed repeats them as far as threads allow.
 */
final class KilledWork {
  static final String BASE = "kill/base";

  private static final int PUSHING = 3;
  private static final int PULLING = 2;
  private static final int POOL = 20;
  private static final int LARGEST_BLOB = 700_000;
  private static final int LARGEST_LAYER = 3_000_000;
  private static final int LARGEST_FUSE = 4 << 20;

  private final long seed;
  private final Path data;
  private final SeededUpstream upstream;
  private final SplittableRandom random;
  private final List<Ledger> ledgers =
      IntStream.range(0, PUSHING).mapToObj(i -> new Ledger("kill/client" + i)).toList();
  private final Ledger base = new Ledger(BASE);
  private final List<Sample> pool;
  private final Map<String, Image> images = new LinkedHashMap<>();

  KilledWork(long seed, Path data, SeededUpstream upstream) {
    this.seed = seed;
    this.data = data;
    this.upstream = upstream;
    this.random = new SplittableRandom(seed);
    this.pool = IntStream.range(0, POOL).mapToObj(i -> blob(LARGEST_BLOB)).toList();
  }

  /** An image of the upstream. */
  record Image(String tag, Sample manifest, List<Sample> layers) {}

  Path data() {
    return data;
  }

  SplittableRandom random() {
    return random;
  }

  List<Ledger> ledgers() {
    return ledgers;
  }

  Ledger base() {
    return base;
  }

  /** Returns the images of the upstream, the newest last. */
  List<Image> images() {
    return List.copyOf(images.values());
  }

  /** Returns a client that has the contents of the pool, with a ledger. */
  PushingClient client(Ledger ledger, HttpCalls calls) {
    return new PushingClient(random.split(), ledger, calls, pool, BASE);
  }

  /** Starts a server, has clients work, and kills it. */
  void round(int number) {
    int bytes = addImage(number);
    boolean isPull = random.nextBoolean();
    int most = 1 + random.nextInt(isPull ? bytes : random.nextInt(1, LARGEST_FUSE));
    CisternServer server = start();
    try {
      work(server, isPull, most);
    } catch (AssertionError | RuntimeException e) {
      throw new AssertionError(report(number, server), e);
    } finally {
      server.kill();
    }
  }

  /** Pushes what is mounted from later on. */
  void prepare() throws IOException {
    try (CisternServer server = start();
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      var client = client(base, calls);
      for (Sample blob : pool.subList(0, POOL / 2)) {
        client.pushAtOnce(blob);
      }
    }
  }

  private int addImage(int kill) {
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
  private void work(CisternServer server, boolean isPull, int most) {
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
        var client = client(ledger, calls);
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

  static void verifyImage(HttpCalls calls, Image image) throws IOException {
    HttpCalls.Reply manifest = calls.send("GET", "/v2/up/image/manifests/" + image.tag());
    assertThat(manifest.body()).isEqualTo(image.manifest().bytes());
    for (Sample layer : image.layers()) {
      HttpCalls.Reply reply = calls.send("GET", "/v2/up/image/blobs/" + layer.digest());
      assertThat(reply.status()).as("%s", reply).isEqualTo(200);
      assertThat(Sample.digest(reply.body())).isEqualTo(layer.digest());
    }
  }

  CisternServer start() {
    return CisternServer.start(data, "--upstream", "up=" + upstream.url());
  }

  String report(int kill, CisternServer server) {
    List<String> log = server.log();
    return "with -Dcistern.seed="
        + seed
        + ", kill "
        + kill
        + "; the end of the log:\n"
        + String.join("\n", log.subList(Math.max(0, log.size() - 30), log.size()));
  }
}
