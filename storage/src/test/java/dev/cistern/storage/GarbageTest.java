package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GarbageTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final RepositoryName OTHER = new RepositoryName("a/c");
  private static final Duration GRACE = Duration.ofDays(1);
  private static final Collected NOTHING = new Collected(0, 0, 0, 0);

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;
  private Store store;

  @BeforeEach
  void open() throws IOException {
    store =
        Store.open(
            directory, new StorageLimits(OptionalLong.empty(), OptionalLong.empty(), GRACE), clock);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
    Audit.closed(directory, "after the test");
  }

  @Test
  void aDeletedImageIsCollectedWithItsBlobs() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push("v1", blob);
    store.repositories().delete(NAME, image);
    clock.advance(GRACE);

    assertThat(store.collect()).isEqualTo(new Collected(1, 1, 1, 5));

    assertThat(store.blobs().size(blob)).isEmpty();
    assertThat(store.blobs().isLinked(NAME, blob)).isFalse();
    assertThat(new Layout(directory).blob(blob)).doesNotExist();
    assertThat(store.usage().collectedBytes()).isEqualTo(5);
    assertThat(store.collect()).isEqualTo(NOTHING);
    Audit.counted(store, directory, "after a collection");
  }

  @Test
  void whatIsNeededStays() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push("v1", blob);
    store.repositories().delete(NAME, new Tag("v1"));
    clock.advance(GRACE.multipliedBy(9));

    assertThat(store.collect()).isEqualTo(NOTHING);

    assertThat(store.repositories().manifest(NAME, image)).as("untagged").isPresent();
    assertThat(store.blobs().open(blob).orElseThrow().readAll()).isEqualTo(bytes("layer"));
  }

  @Test
  void aPushedBlobWaitsForItsManifestForTheGrace() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    clock.advance(GRACE.minusSeconds(1));
    assertThat(store.collect()).isEqualTo(NOTHING);

    clock.advance(Duration.ofSeconds(1));
    assertThat(store.collect()).isEqualTo(new Collected(0, 1, 1, 5));

    assertThat(store.blobs().size(blob)).isEmpty();
  }

  @Test
  void whoWasToldThatABlobIsHereHasTimeToPutItsManifest() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    clock.advance(GRACE.multipliedBy(2));
    store.blobs().keep(NAME, blob);
    clock.advance(GRACE.dividedBy(2));

    assertThat(store.collect()).isEqualTo(NOTHING);
    push("v1", blob);
    clock.advance(GRACE.multipliedBy(2));

    assertThat(store.collect()).isEqualTo(NOTHING);
    assertThat(store.blobs().size(blob)).isPresent();
  }

  @Test
  void aMountNeedsTheContent() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    store.blobs().unlink(NAME, blob);
    assertThat(store.blobs().link(OTHER, blob, Origin.PUSHED)).isTrue();
    clock.advance(GRACE);
    store.collect();

    assertThat(store.blobs().link(NAME, blob, Origin.PUSHED)).isFalse();
    assertThat(store.blobs().isLinked(NAME, blob)).isFalse();
    assertThat(store.blobs().link(NAME, blob, Origin.CACHED)).as("it may come").isFalse();
    assertThat(store.blobs().isLinked(NAME, blob)).isTrue();
  }

  @Test
  void aBlobThatAnotherRepositoryReachesStays() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Pushes.pulled(store, OTHER, "v1", bytes("layer"));
    clock.advance(GRACE);

    assertThat(store.collect()).isEqualTo(new Collected(0, 1, 0, 0));

    assertThat(store.blobs().size(blob)).isPresent();
  }

  @Test
  void whatIsReadIsCollectedWhenItIsReleased() throws IOException {
    Digest blob = Pushes.fetched(store, bytes("layer"));
    clock.advance(GRACE);
    try (Blob open = store.blobs().open(blob).orElseThrow()) {
      assertThat(store.collect()).isEqualTo(NOTHING);
      assertThat(open.readAll()).isEqualTo(bytes("layer"));
    }

    assertThat(store.collect()).isEqualTo(new Collected(0, 0, 1, 5));
  }

  private Digest push(String tag, Digest blob) throws IOException {
    return Pushes.manifest(
        store, NAME, Pushes.image(tag, Optional.empty(), blob), Origin.PUSHED, tag);
  }
}
