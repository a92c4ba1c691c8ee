package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What is deleted by its age, under a clock that is set: ahead and back, forward, while the store
 * is open and while it is not. Nothing goes before its period has really passed, and all goes then.
 */
class FutureTimesTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final Duration PERIOD = Duration.ofDays(1);
  private static final Duration YEAR = Duration.ofDays(365);
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final byte[] CONTENT = bytes("layer");
  private static final Digest DIGEST = Digest.of(CONTENT);
  private static final byte[] IMAGE = Pushes.index("an index", Optional.empty());

  private final SetClock wall = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  private final SetClock running = new SetClock(Instant.EPOCH);
  @TempDir private Path directory;

  @SuppressWarnings("NullAway.Init") // each test opens it
  private Store store;

  private String upload = "";

  /** A stored time, and the deletion that it decides. */
  enum Kind {
    LINK_OF_A_PUSHED_BLOB,
    BLOB,
    UPLOAD,
    FILL,
    USE_OF_A_MANIFEST
  }

  private void open() throws IOException {
    store =
        Store.open(
            directory,
            new StorageLimits(OptionalLong.empty(), OptionalLong.empty(), PERIOD),
            wall,
            running);
    store.lookAtClock();
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  private void pass(Duration time) {
    wall.advance(time);
    running.advance(time);
  }

  private void put(Kind kind) throws IOException {
    switch (kind) {
      case LINK_OF_A_PUSHED_BLOB -> Pushes.blob(store, NAME, CONTENT);
      case BLOB -> Pushes.fetched(store, CONTENT);
      case UPLOAD -> {
        Upload begun = store.uploads().start(NAME, "somebody", DIGEST.algorithm());
        Pushes.append(begun, CONTENT);
        upload = begun.id();
        touch(new Layout(directory).upload(upload));
      }
      case FILL -> {
        try (PartialBlob partial = store.blobs().partial(DIGEST)) {
          partial.append(ByteBuffer.wrap(CONTENT), length -> {});
        }
        touch(new Layout(directory).fill(DIGEST));
      }
      case USE_OF_A_MANIFEST -> {
        Pushes.manifest(store, NAME, IMAGE, Origin.PUSHED);
        store.repositories().used(NAME, Digest.of(IMAGE));
      }
    }
  }

  private void touch(Path file) throws IOException {
    Files.setLastModifiedTime(file, FileTime.from(wall.instant()));
  }

  /** Deletes by age, as the server does now and then; returns whether it is still there. */
  private boolean isThereAfterExpiry(Kind kind) throws IOException {
    store.lookAtClock();
    store.collect();
    store.uploads().expire(PERIOD);
    store.expireFills(PERIOD, file -> false);
    return switch (kind) {
      case LINK_OF_A_PUSHED_BLOB, BLOB -> store.blobs().size(DIGEST).isPresent();
      case UPLOAD -> store.uploads().find(NAME, "somebody", upload).isPresent();
      case FILL -> store.blobs().partialLength(DIGEST) > 0;
      case USE_OF_A_MANIFEST -> {
        if (!store.clockJumps().holds(PERIOD)) {
          store.repositories().prune(NAME, Digest.of(IMAGE), wall.instant().minus(PERIOD));
        }
        yield store.repositories().manifest(NAME, Digest.of(IMAGE)).isPresent();
      }
    };
  }

  static Stream<Arguments> kindsAndRestarts() {
    return Stream.of(Kind.values())
        .flatMap(kind -> Stream.of(Arguments.of(kind, false), Arguments.of(kind, true)));
  }

  /** Sets the wall clock, while the store is open or while it is not. */
  private void jump(Duration size, boolean isRestart) throws IOException {
    if (isRestart) {
      store.close();
    }
    wall.advance(size);
    if (isRestart) {
      open();
    }
  }

  @ParameterizedTest
  @MethodSource("kindsAndRestarts")
  void theAgeOfWhatAClockAheadHasStoredBeginsWhenItIsBack(Kind kind, boolean isRestart)
      throws IOException {
    wall.advance(YEAR);
    open();
    put(kind);
    store.lookAtClock();
    jump(YEAR.negated(), isRestart);

    assertThat(isThereAfterExpiry(kind)).as("at once").isTrue();
    pass(PERIOD.minus(MINUTE));
    assertThat(isThereAfterExpiry(kind)).as("before its period").isTrue();
    pass(MINUTE.multipliedBy(2));
    assertThat(isThereAfterExpiry(kind)).as("after its period").isFalse();
    assertThat(store.clockJumps().count()).isEqualTo(1);
  }

  @ParameterizedTest
  @MethodSource("kindsAndRestarts")
  void nothingGoesBecauseTheClockJumpedForward(Kind kind, boolean isRestart) throws IOException {
    open();
    put(kind);
    pass(MINUTE);
    store.lookAtClock();
    jump(YEAR, isRestart);

    assertThat(isThereAfterExpiry(kind)).as("at once").isTrue();
    pass(PERIOD.minus(MINUTE));
    assertThat(isThereAfterExpiry(kind)).as("before one more period").isTrue();
    pass(MINUTE.multipliedBy(2));
    assertThat(isThereAfterExpiry(kind)).as("after one more period").isFalse();
    assertThat(store.clockJumps().count()).isEqualTo(1);
  }

  @ParameterizedTest
  @EnumSource(Kind.class)
  void withoutAJumpAllGoesWhenItsPeriodHasPassed(Kind kind) throws IOException {
    open();
    put(kind);
    pass(PERIOD.minus(MINUTE));
    assertThat(isThereAfterExpiry(kind)).isTrue();
    pass(MINUTE.multipliedBy(2));
    assertThat(isThereAfterExpiry(kind)).isFalse();
    assertThat(store.clockJumps().count()).isZero();
  }

  @Test
  void aServerThatWasDownForAMonthIsNoJumpForwardForThirtyDaysButForMore() throws IOException {
    open();
    store.close();
    wall.advance(Duration.ofDays(30));
    open();
    assertThat(store.clockJumps().count()).isZero();
    store.close();
    wall.advance(Duration.ofDays(30).plusSeconds(1));
    open();
    assertThat(store.clockJumps().count()).isEqualTo(1);
    assertThat(store.clockJumps().holds(PERIOD)).isTrue();
  }

  @Test
  void commandsOfAnAdministratorAreNotHeldBack() throws IOException {
    open();
    put(Kind.BLOB);
    Digest image = Pushes.pulled(store, NAME, "v1", bytes("other"));
    wall.advance(YEAR);

    assertThat(store.clockJumps().holds(PERIOD)).isTrue();
    assertThat(store.discard(DIGEST)).isTrue();
    assertThat(store.repositories().purge(NAME, image)).isInstanceOf(Purge.Purged.class);
  }

  @Test
  void aUseIsNotedAgainAfterTheClockIsBack() throws IOException {
    wall.advance(YEAR);
    open();
    put(Kind.USE_OF_A_MANIFEST);
    wall.advance(YEAR.negated());
    store.repositories().used(NAME, Digest.of(IMAGE));

    assertThat(store.repositories().lastUsed(NAME, Digest.of(IMAGE))).contains(wall.instant());
    store.close();
    open();
    assertThat(store.repositories().lastUsed(NAME, Digest.of(IMAGE))).contains(wall.instant());
  }
}
