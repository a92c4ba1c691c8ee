package dev.cistern.mirror;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.auth.credentials.NamespaceKeyrings;
import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.upstream.Limits;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Blob;
import dev.cistern.storage.StorageLimits;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoreFullException;
import dev.cistern.storage.Upload;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random schedules of downloads: upstreams with all their faults, clients that come and leave at
 * any point through two repositories, and a store that is always nearly full. Whoever gets a whole
 * blob gets the right one, what is stored is right, and in the end nothing is left open or held.
 *
 * <p>Each seed is a store with many schedules, some of them at a time; {@code -Dcistern.schedules}
 * says how many seeds. Threads are real, so a seed repeats the script and not the interleaving.
 */
class FillScheduleTest {
  private static final int SCHEDULES = 150;
  private static final int AT_A_TIME = 6;
  private static final int MOST_CLIENTS = 5;
  private static final int LEAST_BLOB = 16;
  private static final int LARGEST_BLOB = 96 << 10;
  private static final long LIMIT = 1536L << 10;
  private static final int PIECES = 20;
  private static final long PATIENCE_SECONDS = 60;
  private static final Wanted ALL = Wanted.ALL;

  /** After which one upstream's downloads may lose their connections to others. */
  private static final Duration SHORT = Duration.ofMillis(1);

  /** Two connections for blobs, one as long as no client waits for long. */
  private static final Limits NARROW =
      new Limits(
          6,
          1,
          Limits.DEFAULT.connect(),
          Limits.DEFAULT.headers(),
          Limits.DEFAULT.answer(),
          Limits.DEFAULT.idle());

  private static final Set<End> ENDS = ConcurrentHashMap.newKeySet();
  private static final LongAdder ALL_PASSED = new LongAdder();
  private static final LongAdder ALL_WRONG = new LongAdder();
  private static final LongAdder ALL_GIVEN_WAY = new LongAdder();

  private final ScriptedOutside outside = new ScriptedOutside();
  private final Map<End, LongAdder> tally = new ConcurrentHashMap<>();
  private final LongAdder passed = new LongAdder();
  private final LongAdder overflown = new LongAdder();
  private final LongAdder full = new LongAdder();

  /** How a client fared. */
  private enum End {
    EXACT,
    LEFT,
    CUT,
    REFUSED
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void everyScheduleEndsWell(long seed, @TempDir Path directory) throws Exception {
    var random = new SplittableRandom(seed);
    var limits = new StorageLimits(OptionalLong.of(LIMIT), OptionalLong.of(0), Duration.ZERO);
    InstantSource clock = InstantSource.system();
    var upstreams =
        new Upstreams(
            List.of(TestSettings.of("one", 1), TestSettings.of("two", 0, NARROW)),
            (host, isInsecure) -> TestSettings.of(host, 0),
            new NamespaceKeyrings(),
            clock,
            new MemoryBudget(MemoryBudget.MIN_BYTES));
    try (Store store = Store.open(directory, limits, clock);
        var mirror =
            new Mirror(
                store,
                upstreams,
                new MirrorRules(upstreams.registries(), Optional.empty()),
                clock,
                new MirrorSettings(SHORT, MirrorSettings.USUAL.absence()),
                outside);
        ExecutorService schedules = Executors.newFixedThreadPool(AT_A_TIME)) {
      var ends = new ArrayList<Future<?>>();
      for (int i = 0; i < SCHEDULES; i++) {
        var schedule =
            new Schedule(store, mirror, "seed " + seed + ", schedule " + i, random.split());
        ends.add(schedules.submit(schedule));
      }
      for (Future<?> end : ends) {
        try {
          end.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
          throw new AssertionError("seed " + seed, e.getCause());
        }
      }
      await("seed " + seed + ": downloads end")
          .atMost(Duration.ofSeconds(PATIENCE_SECONDS))
          .until(() -> mirror.fillsRunning() == 0 && outside.open() == 0);
      await("seed " + seed + ": room is given back")
          .atMost(Duration.ofSeconds(PATIENCE_SECONDS))
          .untilAsserted(() -> assertThat(store.usage().reservedBytes()).isZero());
      assertThat(outside.broken()).as("seed " + seed).isEmpty();
      assertThat(filesOpen(directory)).as("seed " + seed).isEmpty();
      assertStored(directory, "seed " + seed);
      System.out.printf(
          "FillScheduleTest: seed %d: clients %s, %d passed through, %d overflown, %d times full;"
              + " %d downloads, %d wrong, %d gave way; %d KiB evicted%n",
          seed,
          tally,
          passed.sum(),
          overflown.sum(),
          full.sum(),
          mirror.fillsStarted(),
          mirror.fillsWrong(),
          mirror.fillsGivenWay(),
          store.usage().evictedBytes() >> 10);
      ENDS.addAll(tally.keySet());
      ALL_PASSED.add(passed.sum());
      ALL_WRONG.add(mirror.fillsWrong());
      ALL_GIVEN_WAY.add(mirror.fillsGivenWay());
    }
  }

  /** One seed may miss something, as its threads happen to run; all together must not. */
  @AfterAll
  static void allThatCanHappenHasHappened() {
    assertThat(ENDS).contains(End.values());
    assertThat(ALL_PASSED.sum()).as("passed through").isPositive();
    assertThat(ALL_WRONG.sum()).as("wrong content").isPositive();
    assertThat(ALL_GIVEN_WAY.sum()).as("gave way").isPositive();
  }

  /** One blob, and the clients that want it. */
  private final class Schedule implements Callable<Void> {
    private final Store store;
    private final Mirror mirror;
    private final String name;
    private final SplittableRandom random;
    private final byte[] content;
    private final Digest digest;
    private final ScriptedOutside.Script script;

    Schedule(Store store, Mirror mirror, String name, SplittableRandom random) {
      this.store = store;
      this.mirror = mirror;
      this.name = name;
      this.random = random;
      this.content =
          new byte[LEAST_BLOB + (random.nextInt(8) == 0 ? 0 : random.nextInt(LARGEST_BLOB))];
      random.nextBytes(content);
      this.digest = Digest.of(content);
      Set<String> having =
          random.nextInt(4) > 0
              ? Set.of("one", "two")
              : Set.of(random.nextBoolean() ? "one" : "two");
      int faults = random.nextInt(3) == 0 ? 0 : 1 + random.nextInt(6);
      this.script =
          new ScriptedOutside.Script(
              content,
              having,
              faults,
              random.nextInt(3) > 0,
              random.split(),
              new AtomicInteger(),
              new ScriptedOutside.Progress());
      outside.add(digest, script);
    }

    @Override
    public Void call() throws Exception {
      try (ExecutorService threads =
          Executors.newThreadPerTaskExecutor(
              Thread.ofVirtual().name(ScriptedOutside.CLIENT).factory())) {
        var clients = new ArrayList<Future<Void>>();
        for (int i = random.nextInt(MOST_CLIENTS); i >= 0; i--) {
          String upstream = random.nextBoolean() ? "one" : "two";
          int begin =
              clients.isEmpty() || random.nextBoolean() ? 0 : random.nextInt(content.length);
          SplittableRandom own = random.split();
          clients.add(
              threads.submit(() -> {
                pull(upstream, begin, own);
                return null;
              }));
        }
        Optional<Upload> filler = random.nextInt(3) == 0 ? takeRoom() : Optional.empty();
        for (Future<Void> client : clients) {
          try {
            client.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
          } catch (ExecutionException e) {
            throw new AssertionError(name, e.getCause());
          }
        }
        if (filler.isPresent()) {
          filler.get().cancel();
        }
      }
      return null;
    }

    /** Takes room in the midst of a download, piece by piece, until there is none or enough. */
    private Optional<Upload> takeRoom() throws IOException, InterruptedException {
      script.progress().await(random.nextInt(content.length));
      Optional<Upload> upload = Optional.empty();
      try {
        upload =
            Optional.of(
                store
                    .uploads()
                    .start(new RepositoryName("filler"), "somebody", Digest.Algorithm.SHA256));
        try (Upload.Hold hold = upload.get().hold()) {
          for (int i = random.nextInt(PIECES); i >= 0; i--) {
            hold.append(ByteBuffer.allocate((int) LIMIT / PIECES));
          }
        }
      } catch (StoreFullException e) {
        full.increment();
      }
      return upload;
    }

    private void pull(String upstream, int begin, SplittableRandom own) throws Exception {
      script.progress().await(begin);
      int leave = own.nextInt(3) == 0 ? own.nextInt(content.length) : Integer.MAX_VALUE;
      End end = end(upstream, leave);
      script.progress().end();
      tally.computeIfAbsent(end, absent -> new LongAdder()).increment();
      boolean mayFail = script.faults() > 0 || !script.upstreams().contains(upstream);
      assertThat(end == End.CUT || end == End.REFUSED)
          .as("%s: a client of %s was %s", name, upstream, end)
          .isIn(false, mayFail);
      assertThat(end == End.EXACT && !script.upstreams().contains(upstream))
          .as("%s: %s gave what it has not", name, upstream)
          .isFalse();
    }

    private End end(String upstream, int leave) throws Exception {
      Location location =
          mirror.locate(
              new RepositoryName(upstream + "/image"), Optional.empty(), Optional.empty());
      try {
        return switch (mirror.blob(location, digest, ALL)) {
          case BlobAnswer.Stored(Blob blob, CacheStatus status) -> {
            try (blob) {
              assertThat(blob.readAll()).as(name).isEqualTo(content);
              yield End.EXACT;
            }
          }
          case BlobAnswer.Filling(Fill fill, CacheStatus status) -> follow(fill, leave);
          case BlobAnswer.Passing(DirectBlob blob, CacheStatus status) ->
              pass(blob, new ByteArrayOutputStream(), leave);
        };
      } catch (OciException e) {
        assertThat(e.code())
            .as(name)
            .isIn(
                ErrorCode.BLOB_UNKNOWN,
                ErrorCode.DENIED,
                ErrorCode.TOOMANYREQUESTS,
                ErrorCode.UPSTREAM_UNAVAILABLE);
        return End.REFUSED;
      }
    }

    /** Follows as the server does. */
    private End follow(Fill fill, int leave) throws Exception {
      var received = new ByteArrayOutputStream();
      var news = new Semaphore(0);
      Runnable wake = news::release;
      fill.follow(wake);
      try {
        while (received.size() < leave) {
          boolean isFailed = fill.isFailed();
          boolean isComplete = fill.isComplete();
          if (read(fill, received)) {
            continue;
          }
          if (received.size() == fill.size() || isComplete) {
            return exact(received);
          }
          if (isFailed && fill.isOverflown()) {
            overflown.increment();
            try {
              return pass(fill.rest(received.size()), received, leave);
            } catch (IOException e) {
              return End.CUT;
            }
          }
          if (isFailed) {
            return End.CUT;
          }
          assertThat(news.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)).as(name).isTrue();
        }
        return End.LEFT;
      } catch (IOException e) {
        return End.CUT;
      } finally {
        fill.unfollow(wake);
        fill.release();
      }
    }

    private boolean read(Fill fill, ByteArrayOutputStream received) throws IOException {
      long count = fill.available() - received.size();
      if (count <= 0) {
        return false;
      }
      ByteBuffer part = ByteBuffer.allocate((int) count);
      while (part.hasRemaining()) {
        if (fill.channel().read(part, received.size() + (long) part.position()) < 0) {
          assertThat(fill.isFailed()).as(name).isTrue();
          throw new IOException("the next download of it has begun the file anew");
        }
      }
      received.write(part.array(), 0, part.capacity());
      return true;
    }

    private End pass(DirectBlob blob, ByteArrayOutputStream received, int leave) {
      byte[] buffer = new byte[16 << 10];
      passed.increment();
      try (blob) {
        while (received.size() < leave) {
          int n = blob.read(buffer);
          if (n < 0) {
            return exact(received);
          }
          received.write(buffer, 0, n);
        }
        return End.LEFT;
      } catch (IOException e) {
        return End.CUT;
      }
    }

    private End exact(ByteArrayOutputStream received) {
      assertThat(received.toByteArray()).as(name).isEqualTo(content);
      return End.EXACT;
    }
  }

  private static void assertStored(Path directory, String when) throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve("blobs"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        assertThat(Digest.of(Files.readAllBytes(file)).hex())
            .as(when + ": a stored blob")
            .isEqualTo(String.valueOf(file.getFileName()));
      }
    }
  }

  /** Returns the files of blobs and downloads that this process has open, where Linux tells. */
  private static List<String> filesOpen(Path directory) throws IOException {
    Path open = Path.of("/proc/self/fd");
    var files = new ArrayList<String>();
    if (Files.isDirectory(open)) {
      try (Stream<Path> links = Files.list(open)) {
        for (Path link : links.toList()) {
          String target = target(link);
          if (target.startsWith(directory + "/blobs/")
              || target.startsWith(directory + "/fills/")) {
            files.add(target);
          }
        }
      }
    }
    return files;
  }

  private static String target(Path link) {
    try {
      return Files.readSymbolicLink(link).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile
    }
  }
}
