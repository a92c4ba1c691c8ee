package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.Download.Outcome;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StampedeTest {
  private static final int CLIENTS = 100;
  private static final int IMAGE_CLIENTS = 500;
  private static final byte[] LARGE = Samples.bytes(64 << 20, 1);
  private static final int BEGINNING = 1 << 20;

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private final CountDownLatch gate = new CountDownLatch(1);

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
  }

  @AfterAll
  static void stop() {
    server.close();
    upstream.close();
  }

  @BeforeEach
  void forget() {
    upstream.heal();
    upstream.forget();
  }

  @AfterEach
  void letGo() {
    gate.countDown();
  }

  @Test
  void aHundredClientsCostOneDownloadAndAllStreamWhileItComes() {
    String path = blob("many/clients", LARGE);
    holdInTheMiddle();

    List<Download> clients = begin(CLIENTS, path);
    assertThat(onThreads(clients, client -> client.first(1)[0])).containsOnly(LARGE[0]);
    gate.countDown();

    assertAllExact(clients, LARGE);
    assertThat(upstream.requests("GET", path.substring("/v2/up".length()))).hasSize(1);
    assertThat(upstream.bodyBytes()).isEqualTo(LARGE.length);
    assertIsHere(path, LARGE);
  }

  @Test
  void aDownloadGoesOnForTheOthersWhenTheClientThatStartedItLeaves() {
    byte[] content = Samples.bytes(64 << 20, 2);
    String path = blob("first/leaves", content);
    holdInTheMiddle();

    try (Download first = Download.begin(server, path)) {
      first.first(1);
    }
    List<Download> clients = begin(CLIENTS, path);
    assertThat(onThreads(clients, client -> client.first(1)[0])).containsOnly(content[0]);
    gate.countDown();

    assertAllExact(clients, content);
    assertThat(upstream.requests("GET", "/blobs/")).hasSize(1);
    assertThat(upstream.bodyBytes()).isEqualTo(content.length);
  }

  @Test
  void aDownloadGoesOnThoughNobodyWaitsForItAnyMore() {
    byte[] content = Samples.bytes(4 << 20, 3);
    String path = blob("all/leave", content);
    upstream.next("GET", "/blobs/", new Answer.Held(gate));

    try (Download only = Download.begin(server, path)) {
      await().until(() -> !upstream.requests("GET", "/blobs/").isEmpty());
      assertThat(only).isNotNull();
    }
    gate.countDown();

    await().until(() -> upstream.bodyBytes() == content.length);
    upstream.always("GET", "/blobs/", Answer.status(500));
    assertThat(Download.of(server, path, content)).matches(Outcome::isExact);
    assertThat(upstream.requests("GET", "/blobs/")).hasSize(1);
  }

  @Test
  void clientsOfTwoRepositoriesOfOneUpstreamShareTheDownload() {
    byte[] content = Samples.bytes(8 << 20, 4);
    String one = blob("repository/one", content);
    String other = blob("repository/other", content);
    holdInTheMiddle();

    List<Download> clients = new ArrayList<>(begin(20, one));
    clients.addAll(begin(20, other));
    assertThat(onThreads(clients, client -> client.first(1)[0])).containsOnly(content[0]);
    gate.countDown();

    assertAllExact(clients, content);
    assertThat(upstream.requests("GET", "/blobs/")).hasSize(1);
    assertIsHere(one, content);
    assertIsHere(other, content);
  }

  @Test
  void aRepositoryThatLacksTheBlobDoesNotGetItFromTheDownloadOfAnother() {
    byte[] content = Samples.bytes(4 << 20, 5);
    String path = blob("has/it", content);
    holdInTheMiddle();

    try (Download first = Download.begin(server, path)) {
      first.first(1);
      Outcome stranger = Download.of(server, path.replace("has/it", "lacks/it"), content);
      assertThat(stranger.status()).isEqualTo(404);
      gate.countDown();
      assertThat(first.finish(content)).matches(Outcome::isExact);
    }
  }

  @Test
  void aRepositoryThatLacksTheBlobDoesNotSpoilItForOneThatHasIt() {
    byte[] content = Samples.bytes(4 << 20, 6);
    String path = blob("has/too", content);
    upstream.next("GET", "lacks/too/blobs", new Answer.Held(gate));

    try (Download stranger = Download.begin(server, path.replace("has/too", "lacks/too"))) {
      await().until(() -> !upstream.requests("GET", "lacks/too/blobs").isEmpty());
      List<Download> owners = begin(10, path);
      fence();
      gate.countDown();

      assertAllExact(owners, content);
      assertThat(stranger.status()).isEqualTo(404);
    }
  }

  @Test
  void aClientThatJoinsInTheMiddleGetsTheBeginningAtOnce() {
    byte[] content = Samples.bytes(8 << 20, 7);
    String path = blob("joins/later", content);
    holdInTheMiddle();

    try (Download first = Download.begin(server, path)) {
      first.first(BEGINNING);
      try (Download later = Download.begin(server, path)) {
        assertThat(later.first(BEGINNING)).isEqualTo(Arrays.copyOf(content, BEGINNING));
        gate.countDown();
        assertThat(later.finish(content)).matches(Outcome::isExact);
      }
      assertThat(first.finish(content)).matches(Outcome::isExact);
    }
    assertThat(upstream.bodyBytes()).isEqualTo(content.length);
  }

  @Test
  void clientsOfAnAbsentTagShareOneFetch() {
    byte[] manifest = Samples.manifest("wanted by many");
    upstream.addManifest("tag/many", manifest, "v1");
    upstream.next("GET", "/manifests/", new Answer.Held(gate));

    List<Download> clients = begin(CLIENTS, "/v2/up/tag/many/manifests/v1");
    await().until(() -> !upstream.requests("GET", "/manifests/").isEmpty());
    gate.countDown();

    assertAllExact(clients, manifest);
    assertThat(upstream.requests("GET", "/manifests/")).hasSize(1);
  }

  /**
   * Prints the median times to the first byte of the first layer, which are no assertion: those
   * through the mirror of the first image, while its code is still being compiled, and of another.
   */
  @Test
  void fiveHundredClientsOfAnImageCostEachOfItsBytesOnce() {
    List<Integer> clients = IntStream.range(0, IMAGE_CLIENTS).boxed().toList();
    for (int round = 0; round < 2; round++) {
      upstream.limit(100_000_000);
      List<Wanted> image = image("image/many" + round, 10 * round);
      List<Wanted> direct = image.stream().map(Wanted::direct).toList();
      List<Long> alone = IntStream.range(0, 21).mapToObj(i -> firstByteNanos(direct)).toList();
      List<Long> together = onThreads(clients, client -> firstByteNanos(direct));
      upstream.forget();
      upstream.limit(100_000_000);
      var first = new CountDownLatch(IMAGE_CLIENTS);

      List<Pull> pulls = onThreads(clients, client -> Pull.of(image, first));

      assertThat(pulls).allMatch(Pull::isExact);
      assertThat(upstream.requests("GET", "/manifests/")).hasSize(1);
      assertThat(upstream.requests("GET", "/blobs/")).hasSize(3);
      assertThat(upstream.bodyBytes())
          .isEqualTo(image.stream().mapToLong(wanted -> wanted.content.length).sum());
      System.out.printf(
          "StampedeTest: image %d: median time to the first byte: direct %d ms alone, %d ms for"
              + " %d at once; through the mirror %d ms for %d at once%n",
          round + 1,
          medianMillis(alone),
          medianMillis(together),
          IMAGE_CLIENTS,
          medianMillis(pulls.stream().map(Pull::firstByteNanos).toList()),
          IMAGE_CLIENTS);
    }
  }

  private static long medianMillis(List<Long> nanos) {
    return nanos.stream().sorted().toList().get(nanos.size() / 2) / 1_000_000;
  }

  /** A client's pull of an image, the layers one after the other as they come. */
  private record Pull(boolean isExact, long firstByteNanos) {
    /**
     * Waits after its first byte for {@code others}, whose first bytes it does not compete with.
     */
    static Pull of(List<Wanted> image, CountDownLatch others) {
      long began = System.nanoTime();
      boolean isExact = image.getFirst().isExact();
      Wanted layer = image.get(1);
      long firstByte;
      try (Download download = layer.begin()) {
        download.first(1);
        firstByte = System.nanoTime() - began;
        others.countDown();
        others.await();
        isExact &= download.finish(layer.content).isExact();
      } catch (InterruptedException e) {
        throw new AssertionError("the test was stopped", e);
      }
      return new Pull(isExact && image.stream().skip(2).allMatch(Wanted::isExact), firstByte);
    }
  }

  /** What should be at a path of a server on loopback. */
  private record Wanted(int port, String path, byte[] content) {
    Download begin() {
      return Download.begin(port, path);
    }

    boolean isExact() {
      return Download.of(port, path, content).isExact();
    }

    /** Returns the same at the upstream. */
    Wanted direct() {
      return new Wanted(upstream.port(), path.replaceFirst("/up/", "/"), content);
    }
  }

  /** Puts an image of three layers upstream; returns what it should be here, its manifest first. */
  private static List<Wanted> image(String repository, int seed) {
    List<byte[]> layers =
        IntStream.range(0, 3).mapToObj(i -> Samples.bytes(2 << 20, 10 + seed + i)).toList();
    byte[] manifest = Samples.manifestOf(layers);
    upstream.addManifest(repository, manifest, "v1");
    Stream<Wanted> blobs =
        layers.stream().map(layer -> new Wanted(server.port(), blob(repository, layer), layer));
    String path = "/v2/up/" + repository + "/manifests/v1";
    return Stream.concat(Stream.of(new Wanted(server.port(), path, manifest)), blobs).toList();
  }

  /** Asks for the manifest and the first layer and leaves; returns the time to its first byte. */
  private static long firstByteNanos(List<Wanted> image) {
    long began = System.nanoTime();
    image.getFirst().isExact();
    try (Download download = image.get(1).begin()) {
      download.first(1);
      return System.nanoTime() - began;
    }
  }

  private void holdInTheMiddle() {
    upstream.next("GET", "/blobs/", new Answer.HeldInBody(BEGINNING, gate));
  }

  /** Puts a blob upstream; returns its path here. */
  private static String blob(String repository, byte[] content) {
    return "/v2/up/" + repository + "/blobs/" + upstream.addBlob(repository, content);
  }

  private static List<Download> begin(int clients, String path) {
    return IntStream.range(0, clients).mapToObj(i -> Download.begin(server, path)).toList();
  }

  /** Gives the server time to take the requests that were sent before: enough to do others. */
  private static void fence() {
    try (var client = new TestClient(server)) {
      for (int i = 0; i < 20; i++) {
        assertThat(client.get("/v2/up/fence/manifests/v" + i).status()).isEqualTo(404);
      }
    }
  }

  private static void assertAllExact(List<Download> clients, byte[] content) {
    List<Outcome> outcomes =
        onThreads(
            clients,
            client -> {
              try (client) {
                return client.finish(content);
              }
            });
    assertThat(outcomes).allMatch(Outcome::isExact);
  }

  private static void assertIsHere(String path, byte[] content) {
    upstream.goAway();
    try {
      assertThat(Download.of(server, path, content)).matches(Outcome::isExact);
    } finally {
      upstream.comeBack();
    }
  }

  private static <C, T> List<T> onThreads(List<C> clients, Function<C, T> step) {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> running =
          clients.stream().map(client -> threads.submit(() -> step.apply(client))).toList();
      var results = new ArrayList<T>();
      for (Future<T> one : running) {
        results.add(one.get());
      }
      return results;
    } catch (ExecutionException | InterruptedException e) {
      throw new AssertionError("a client failed", e);
    }
  }
}
