package dev.cistern.mirror;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.cistern.auth.credentials.NamespaceKeyrings;
import dev.cistern.base.Guarded;
import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteBlob;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Blob;
import dev.cistern.storage.StorageLimits;
import dev.cistern.storage.Store;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Downloads that end by what nobody expected: whatever is thrown, and wherever, all who follow are
 * cut, all that was taken is given back, one failure is reported, and the next client gets the
 * blob.
 */
class BrokenFillTest {
  private static final byte[] CONTENT = "a blob of some length".repeat(500).getBytes(UTF_8);
  private static final Digest DIGEST = Digest.of(CONTENT);

  private final List<Throwable> reported = new CopyOnWriteArrayList<>();
  private final BreakingOutside outside = new BreakingOutside();
  private final Thread.@Nullable UncaughtExceptionHandler before =
      Thread.getDefaultUncaughtExceptionHandler();

  @TempDir Path directory;

  /** Where something is thrown. */
  enum Place {
    ASKING,
    FIRST_BYTE,
    IN_THE_MIDDLE,
    CLOSING
  }

  @BeforeEach
  void listen() {
    Thread.setDefaultUncaughtExceptionHandler((thread, thrown) -> reported.add(thrown));
  }

  @AfterEach
  void forget() {
    Thread.setDefaultUncaughtExceptionHandler(before);
  }

  @ParameterizedTest
  @EnumSource(Place.class)
  void everyPlaceEndsTheFillCleanly(Place place) throws Exception {
    for (Throwable thrown :
        List.of(new ArithmeticException("long overflow"), new StackOverflowError("of a test"))) {
      try (Store store =
              Store.open(
                  directory.resolve(place + thrown.getClass().getSimpleName()),
                  StorageLimits.NONE,
                  InstantSource.system());
          Mirror mirror = mirror(store)) {
        outside.breakAt(place, thrown);
        endsCleanly(store, mirror, place, thrown);
      }
    }
  }

  private void endsCleanly(Store store, Mirror mirror, Place place, Throwable thrown)
      throws Exception {
    Location location = locate(mirror);
    boolean isBegun = place != Place.ASKING;
    if (isBegun) {
      Fill fill = ((BlobAnswer.Filling) mirror.blob(location, DIGEST, Wanted.ALL)).fill();
      var told = new CountDownLatch(1);
      fill.follow(() -> {
        if (fill.isFailed() || fill.isComplete()) {
          told.countDown();
        }
      });
      outside.goOn();
      fill.ended().join();
      assertThat(fill.isFailed() || fill.isComplete()).as("the follower's end").isTrue();
      assertThat(fill.isComplete()).isEqualTo(place == Place.CLOSING);
      fill.release();
    } else {
      outside.goOn();
      assertThatThrownBy(() -> mirror.blob(location, DIGEST, Wanted.ALL))
          .isInstanceOfSatisfying(
              OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNKNOWN))
          .hasMessageContaining("ended by an internal error");
    }
    await().until(() -> mirror.fillsRunning() == 0);
    assertThat(store.usage().reservedBytes()).as("room").isZero();
    assertThat(reported)
        .singleElement()
        .isInstanceOfSatisfying(
            Guarded.Failure.class,
            failure -> {
              assertThat(failure.work()).isEqualTo("fill of " + DIGEST);
              assertThat(failure).hasRootCause(thrown);
            });
    reported.clear();

    outside.mend();
    assertThat(read(mirror, location)).as("the next client, by the same turn").isEqualTo(CONTENT);
    assertThat(reported).isEmpty();
  }

  @Test
  void aFollowerThatBreaksKeepsNoOtherFromTheBlob() throws Exception {
    try (Store store = Store.open(directory, StorageLimits.NONE, InstantSource.system());
        Mirror mirror = mirror(store)) {
      outside.breakAt(Place.IN_THE_MIDDLE, new IllegalStateException("unused"));
      outside.isBroken = false;
      Fill fill = ((BlobAnswer.Filling) mirror.blob(locate(mirror), DIGEST, Wanted.ALL)).fill();
      fill.follow(() -> {
        throw new IllegalStateException("an event loop that is gone");
      });
      outside.goOn();
      fill.ended().join();

      assertThat(fill.isComplete()).isTrue();
      fill.release();
      assertThat(reported).isNotEmpty();
      assertThat(read(mirror, locate(mirror))).isEqualTo(CONTENT);
    }
  }

  private byte[] read(Mirror mirror, Location location) throws IOException {
    while (true) {
      switch (mirror.blob(location, DIGEST, Wanted.ALL)) {
        case BlobAnswer.Stored(Blob blob, CacheStatus status) -> {
          try (blob) {
            return blob.readAll();
          }
        }
        case BlobAnswer.Filling(Fill fill, CacheStatus status) -> {
          fill.ended().join();
          fill.release();
        }
        case BlobAnswer.Passing passing -> throw new AssertionError("there is room");
      }
    }
  }

  private static Location locate(Mirror mirror) {
    return mirror.locate(new RepositoryName("one/image"), Optional.empty(), Optional.empty());
  }

  private Mirror mirror(Store store) {
    var upstreams =
        new Upstreams(
            List.of(TestSettings.of("one", 0)),
            (host, isInsecure) -> TestSettings.of(host, 0),
            new NamespaceKeyrings(),
            InstantSource.system(),
            new MemoryBudget(MemoryBudget.MIN_BYTES));
    return new Mirror(
        store,
        upstreams,
        new MirrorRules(upstreams.registries(), Optional.empty()),
        InstantSource.system(),
        MirrorSettings.USUAL,
        outside);
  }

  /** An upstream that gives the blob, or breaks in this process at one place. */
  private static final class BreakingOutside implements Outside {
    private volatile Place place = Place.ASKING;
    private volatile Throwable thrown = new IllegalStateException();
    private volatile boolean isBroken;
    private volatile CountDownLatch gate = new CountDownLatch(0);

    void breakAt(Place where, Throwable what) {
      place = where;
      thrown = what;
      isBroken = true;
      gate = new CountDownLatch(1);
    }

    void goOn() {
      gate.countDown();
    }

    void mend() {
      isBroken = false;
    }

    private void mayBreak(Place here) {
      if (isBroken && here == place) {
        switch (thrown) {
          case RuntimeException e -> throw e;
          case Error e -> throw e;
          default -> throw new AssertionError(thrown);
        }
      }
    }

    @Override
    public Answer<Long> head(Upstream upstream, PullSource source, Digest digest) {
      return new Answer.Found<>((long) CONTENT.length);
    }

    @Override
    public Answer<RemoteBlob> open(
        Upstream upstream, PullSource source, Digest digest, long from, OptionalLong last) {
      mayBreak(Place.ASKING);
      return new Answer.Found<>(new RemoteBlob(new Body((int) from), from, CONTENT.length));
    }

    @Override
    public void pause(Duration time) {}

    private final class Body implements RemoteBlob.Body {
      private final int from;
      private int at;

      Body(int from) {
        this.from = from;
        this.at = from;
      }

      @Override
      public int read(byte[] buffer) throws IOException {
        if (at == from) {
          mayBreak(Place.FIRST_BYTE);
        } else {
          pass();
          mayBreak(Place.IN_THE_MIDDLE);
        }
        int count = Math.min(1000, CONTENT.length - at);
        System.arraycopy(CONTENT, at, buffer, 0, count);
        at += count;
        return count == 0 ? -1 : count;
      }

      private void pass() throws IOException {
        try {
          gate.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IOException("the test is over", e);
        }
      }

      @Override
      public void cut() {
        throw new IllegalStateException("there is only one download");
      }

      @Override
      public void close() {
        mayBreak(Place.CLOSING);
      }
    }
  }
}
