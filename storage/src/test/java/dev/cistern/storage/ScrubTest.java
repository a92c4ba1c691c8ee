package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScrubTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final Duration MONTH = Duration.ofDays(30);
  private static final ScrubSettings SETTINGS = new ScrubSettings(MONTH, 1L << 30);

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;
  private Store store;

  @BeforeEach
  void open() throws IOException {
    store = Store.open(directory, clock);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  @Test
  void whatWasVerifiedLatelyIsNotDue() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    Files.write(file(digest), bytes("c0ntent"));
    clock.advance(MONTH.minusSeconds(1));

    Instant next = store.scrub().run(SETTINGS, () -> true);

    assertThat(next).isEqualTo(clock.instant().plusSeconds(1));
    assertThat(store.scrub().bytes()).isZero();
    assertThat(store.damaged().blobs()).isZero();
  }

  @Test
  void whatIsDueIsVerifiedAndDamageIsFound() throws IOException {
    Digest whole = Pushes.blob(store, NAME, bytes("whole content"));
    Digest damaged = Pushes.blob(store, NAME, bytes("content"));
    Files.write(file(damaged), bytes("c0ntent"));
    clock.advance(MONTH);

    Instant next = store.scrub().run(SETTINGS, () -> true);

    assertThat(store.damaged().isDamagedBlob(damaged)).isTrue();
    assertThat(store.damaged().isDamagedBlob(whole)).isFalse();
    assertThat(store.scrub().bytes()).isEqualTo(13 + 7);
    assertThat(store.scrub().lastComplete()).hasValue(clock.instant());
    assertThat(next).isEqualTo(clock.instant().plus(MONTH));
  }

  @Test
  void theLeastRecentlyVerifiedComesFirstAndARestartGoesOnThere() throws IOException {
    List<Digest> blobs = new ArrayList<>();
    for (String text : new String[] {"first", "second", "third"}) {
      Digest digest = Pushes.blob(store, NAME, bytes(text));
      blobs.add(digest);
      clock.advance(Duration.ofHours(1));
    }
    Digest again = Pushes.blob(store, NAME, bytes("first")); // so it was verified last
    for (Digest blob : blobs) {
      Files.write(file(blob), bytes("?"));
    }
    clock.advance(MONTH);

    assertThat(store.scrub().run(SETTINGS, times(1))).isEqualTo(clock.instant());
    assertThat(damaged(blobs)).containsExactly(blobs.get(1));
    assertThat(store.scrub().lastComplete()).isEmpty();
    store.close();
    open();

    store.scrub().run(SETTINGS, times(1));
    assertThat(damaged(blobs)).containsExactly(blobs.get(1), blobs.get(2));
    store.scrub().run(SETTINGS, () -> true);
    assertThat(damaged(blobs)).contains(again);
  }

  @Test
  void whatARunHasVerifiedIsNotReadAgainAfterARestart() throws IOException {
    Pushes.blob(store, NAME, bytes("first"));
    Pushes.blob(store, NAME, bytes("other"));
    clock.advance(MONTH);
    store.scrub().run(SETTINGS, times(1));
    store.close();
    open();

    store.scrub().run(SETTINGS, () -> true);

    assertThat(store.scrub().bytes()).isEqualTo(5);
  }

  @Test
  void aVerificationInTheFutureCountsAsNone() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    clock.advance(Duration.ofDays(365));
    store.blobs().verify(digest, BlobVerifier.Pace.NONE);
    clock.advance(Duration.ofDays(-300));
    Files.write(file(digest), bytes("c0ntent"));

    store.scrub().run(SETTINGS, () -> true);

    assertThat(store.damaged().isDamagedBlob(digest)).isTrue();
  }

  @Test
  void whatCameInTheFutureIsVerifiedOnceAndNotAgainAndAgain() throws IOException {
    clock.advance(Duration.ofDays(365));
    Pushes.blob(store, NAME, bytes("content"));
    store.scrub().run(SETTINGS, () -> true);
    clock.advance(Duration.ofDays(-300));

    store.scrub().run(SETTINGS, () -> true);
    assertThat(store.scrub().bytes()).isEqualTo(7);
    assertThat(store.scrub().lastComplete()).hasValue(clock.instant());

    clock.advance(Duration.ofHours(1));
    store.scrub().run(SETTINGS, () -> true);
    assertThat(store.scrub().bytes()).isEqualTo(7);
  }

  @Test
  void manifestsAreVerifiedToo() throws IOException {
    Digest image =
        Pushes.manifest(store, NAME, Pushes.image("x", Optional.empty()), Origin.PUSHED, "v1");
    store.close();
    byte[] key = Keys.manifest(image);
    try (Index index = Index.open(new Layout(directory).index())) {
      byte[] value = requireNonNull(index.get(key)).clone();
      value[value.length - 3] ^= 1;
      index.write(
          Index.Durability.SYNCED,
          batch -> {
            batch.put(key, value);
            return true;
          });
    }
    open();

    store.scrub().run(SETTINGS, () -> true);

    assertThat(store.damaged().isDamagedManifest(image)).isTrue();
  }

  @Test
  void aDiskThatSeemsToBeGoneIsLeftAloneForAWhile() throws IOException {
    for (int i = 0; i < 12; i++) {
      Files.delete(file(Pushes.blob(store, NAME, bytes("blob " + i))));
    }
    clock.advance(MONTH);

    Instant next = store.scrub().run(SETTINGS, () -> true);

    assertThat(store.damaged().blobs()).isEqualTo(10);
    assertThat(next).isEqualTo(clock.instant().plus(Duration.ofMinutes(10)));
    assertThat(store.scrub().lastComplete()).isEmpty();
  }

  private List<Digest> damaged(List<Digest> blobs) {
    return blobs.stream().filter(store.damaged()::isDamagedBlob).toList();
  }

  private static BooleanSupplier times(int times) {
    var left = new AtomicInteger(times);
    return () -> left.getAndDecrement() > 0;
  }

  private Path file(Digest digest) {
    return new Layout(directory).blob(digest);
  }
}
