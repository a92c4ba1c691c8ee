package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvictionTest {
  private static final RepositoryName NAME = new RepositoryName("quay.io/a");
  private static final RepositoryName OTHER = new RepositoryName("quay.io/b");
  private static final int MEBIBYTE = 1 << 20;
  private static final long LIMIT = 10L * MEBIBYTE;

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;
  private Store store;
  private Repositories repositories;

  @BeforeEach
  void open() throws IOException {
    store =
        Store.open(
            directory,
            new StorageLimits(OptionalLong.of(LIMIT), OptionalLong.empty(), Duration.ZERO),
            clock);
    repositories = store.repositories();
  }

  @AfterEach
  void close() throws IOException {
    store.close();
    Audit.closed(directory, "after the test");
  }

  @Test
  void theLeastRecentlyUsedImageGoesWholeWhenThereIsNoRoom() throws IOException {
    List<Digest> images = pullImages(NAME, 4);
    clock.advance(Duration.ofMinutes(5));
    repositories.used(NAME, images.getFirst());

    pull(OTHER, "new", mebibytes(9, 2));

    assertThat(isThere(NAME, images.get(0))).as("used last").isTrue();
    assertThat(isThere(NAME, images.get(1))).isFalse();
    assertThat(repositories.tag(NAME, new Tag("t1"))).isEmpty();
    assertThat(store.blobs().size(Digest.of(mebibytes(1, 2)))).isEmpty();
    assertThat(store.blobs().isLinked(NAME, Digest.of(mebibytes(1, 2)))).isFalse();
    assertThat(isThere(NAME, images.get(3))).isTrue();
    assertThat(store.blobs().size(Digest.of(mebibytes(9, 2)))).isPresent();
    assertThat(store.usage().bytes()).isLessThanOrEqualTo(LIMIT);
    assertThat(store.usage().evictedImages()).isPositive();
    assertThat(store.usage().evictedBytes()).isPositive();
    Audit.counted(store, directory, "after an eviction");
  }

  @Test
  void theUseOfAnImageSurvivesAReopen() throws IOException {
    List<Digest> images = pullImages(NAME, 4);
    clock.advance(Duration.ofMinutes(5));
    repositories.used(NAME, images.getFirst());
    store.close();
    open();

    pull(OTHER, "new", mebibytes(9, 2));

    assertThat(isThere(NAME, images.get(0))).isTrue();
    assertThat(isThere(NAME, images.get(1))).isFalse();
  }

  @Test
  void whatWasPushedIsNeverEvictedAndAFullStoreSaysSo() throws IOException {
    var blobs = new ArrayList<Digest>();
    for (int i = 0; i < 4; i++) {
      blobs.add(Pushes.blob(store, NAME, mebibytes(i, 2)));
    }
    Digest image =
        Pushes.manifest(
            store,
            NAME,
            Pushes.image("pushed", Optional.empty(), blobs.toArray(Digest[]::new)),
            Origin.PUSHED,
            "v1");

    assertThatThrownBy(() -> Pushes.blob(store, NAME, mebibytes(8, 3)))
        .isInstanceOf(StoreFullException.class)
        .hasMessageContaining("the store is full")
        .hasMessageContaining("maxSize");

    assertThat(isThere(NAME, image)).isTrue();
    for (Digest blob : blobs) {
      assertThat(content(blob)).hasSize(2 * MEBIBYTE);
    }
    assertThat(store.usage().bytes()).isLessThanOrEqualTo(LIMIT);
  }

  @Test
  void aPushMakesCachedImagesGo() throws IOException {
    pullImages(NAME, 4);

    Digest pushed = Pushes.blob(store, OTHER, mebibytes(9, 6));

    assertThat(content(pushed)).hasSize(6 * MEBIBYTE);
    assertThat(repositories.tags(NAME, "", 9)).hasSizeLessThan(3);
  }

  @Test
  void aPinnedImageStaysWithAllItNamesUntilItIsUnpinned() throws IOException {
    Digest child = pull(NAME, "child", mebibytes(1, 4));
    repositories.delete(NAME, new Tag("child"));
    Digest index =
        Pushes.manifest(
            store, NAME, Pushes.index("i", Optional.empty(), child), Origin.CACHED, "multi");
    assertThat(repositories.pin(NAME, new Tag("multi"))).isTrue();
    assertThat(repositories.pin(NAME, new Tag("multi"))).isFalse();
    assertThat(repositories.isPinned(NAME, new Tag("multi"))).isTrue();
    assertThat(repositories.pins(NAME)).isEqualTo(List.<Reference>of(new Tag("multi")));

    assertThatThrownBy(() -> pull(OTHER, "new", mebibytes(9, 8)))
        .isInstanceOf(StoreFullException.class);
    assertThat(isThere(NAME, index)).isTrue();
    assertThat(isThere(NAME, child)).isTrue();
    assertThat(content(Digest.of(mebibytes(1, 4)))).hasSize(4 * MEBIBYTE);

    assertThat(repositories.unpin(NAME, new Tag("multi"))).isTrue();
    assertThat(repositories.unpin(NAME, new Tag("multi"))).isFalse();
    pull(OTHER, "new", mebibytes(9, 8));
    assertThat(isThere(NAME, index)).isFalse();
    assertThat(isThere(NAME, child)).isFalse();
    assertThat(store.blobs().size(Digest.of(mebibytes(1, 4)))).isEmpty();
  }

  @Test
  void whatIsBeingReadStaysUntilItIsReleased() throws IOException {
    Digest image = pull(NAME, "v1", mebibytes(1, 4));
    Blob blob = store.blobs().open(Digest.of(mebibytes(1, 4))).orElseThrow();

    assertThatThrownBy(() -> pull(OTHER, "new", mebibytes(9, 8)))
        .isInstanceOf(StoreFullException.class);
    assertThat(isThere(NAME, image)).isTrue();

    blob.release();
    pull(OTHER, "new", mebibytes(9, 8));
    assertThat(isThere(NAME, image)).isFalse();
  }

  @Test
  void whatIsFollowedSinceItWasDownloadedStaysUntilItIsReleased() throws IOException {
    byte[] layer = mebibytes(1, 4);
    byte[] manifest = Pushes.image("followed", Optional.empty(), Digest.of(layer));
    Digest image = Pushes.manifest(store, NAME, manifest, Origin.CACHED, "v1");
    try (PartialBlob followed = store.blobs().partial(Digest.of(layer))) {
      followed.append(ByteBuffer.wrap(layer), length -> {});
      followed.commit();

      assertThatThrownBy(() -> pull(OTHER, "new", mebibytes(9, 8)))
          .isInstanceOf(StoreFullException.class);
      assertThat(isThere(NAME, image)).isTrue();
    }

    pull(OTHER, "new", mebibytes(9, 8));
    assertThat(isThere(NAME, image)).isFalse();
  }

  @Test
  void whatWasDeletedMakesRoomBeforeItIsCollected() throws IOException {
    store.close();
    var limits =
        new StorageLimits(OptionalLong.of(LIMIT), OptionalLong.empty(), Duration.ofDays(1));
    store = Store.open(directory, limits, clock);
    repositories = store.repositories();
    Digest blob = Pushes.blob(store, NAME, mebibytes(1, 8));
    byte[] manifest = Pushes.image("pushed", Optional.empty(), blob);
    Digest image = Pushes.manifest(store, NAME, manifest, Origin.PUSHED, "v1");
    assertThatThrownBy(() -> Pushes.blob(store, NAME, mebibytes(2, 8)))
        .isInstanceOf(StoreFullException.class);

    repositories.delete(NAME, image);
    store.blobs().unlink(NAME, blob);

    Digest next = Pushes.blob(store, NAME, mebibytes(2, 8));
    assertThat(content(next)).isEqualTo(mebibytes(2, 8));
    assertThat(store.blobs().size(blob)).isEmpty();
  }

  @Test
  void whoKeepsAFileOpenWithoutReadingIsAskedToLetGo() throws IOException {
    Digest image = pull(NAME, "v1", mebibytes(1, 4));
    Blob blob = store.blobs().open(Digest.of(mebibytes(1, 4))).orElseThrow();
    store
        .blobs()
        .addIdleHolder(digest -> {
          if (digest.equals(blob.digest())) {
            blob.release();
          }
        });

    pull(OTHER, "new", mebibytes(9, 8));

    assertThat(isThere(NAME, image)).isFalse();
  }

  @Test
  void aChildOfAPushedIndexStays() throws IOException {
    Digest child = pull(NAME, "child", mebibytes(1, 4));
    repositories.delete(NAME, new Tag("child"));
    Pushes.manifest(
        store, NAME, Pushes.index("i", Optional.empty(), child), Origin.PUSHED, "multi");

    assertThatThrownBy(() -> pull(OTHER, "new", mebibytes(9, 8)))
        .isInstanceOf(StoreFullException.class);

    assertThat(isThere(NAME, child)).isTrue();
    assertThat(content(Digest.of(mebibytes(1, 4)))).hasSize(4 * MEBIBYTE);
  }

  @Test
  void anImageUsedThroughItsChildIsUsed() throws IOException {
    Digest child = pull(NAME, "child", mebibytes(1, 2));
    repositories.delete(NAME, new Tag("child"));
    Digest index =
        Pushes.manifest(
            store, NAME, Pushes.index("i", Optional.empty(), child), Origin.CACHED, "multi");
    clock.advance(Duration.ofMinutes(5));
    Digest older = pull(NAME, "older", mebibytes(2, 3));
    clock.advance(Duration.ofMinutes(5));
    repositories.used(NAME, child);

    pull(OTHER, "new", mebibytes(9, 5));

    assertThat(isThere(NAME, index)).isTrue();
    assertThat(isThere(NAME, child)).isTrue();
    assertThat(isThere(NAME, older)).isFalse();
  }

  @Test
  void referrersGoWithTheirSubject() throws IOException {
    Digest image = pull(NAME, "v1", mebibytes(1, 4));
    Digest signature =
        Pushes.manifest(store, NAME, Pushes.image("signature", Optional.of(image)), Origin.CACHED);
    clock.advance(Duration.ofMinutes(5));

    pull(OTHER, "new", mebibytes(9, 8));

    assertThat(isThere(NAME, image)).isFalse();
    assertThat(isThere(NAME, signature)).isFalse();
    assertThat(repositories.referrers(NAME, image, Optional.empty(), 9)).isEmpty();
    assertThat(repositories.exists(NAME)).isFalse();
  }

  @Test
  void aLayerThatAnotherImageNamesStays() throws IOException {
    pull(NAME, "v1", mebibytes(1, 2), mebibytes(2, 2));
    clock.advance(Duration.ofMinutes(5));
    Digest second = pull(OTHER, "v2", mebibytes(1, 2), mebibytes(3, 1));

    pull(OTHER, "new", mebibytes(9, 5));

    assertThat(isThere(OTHER, second)).isTrue();
    assertThat(content(Digest.of(mebibytes(1, 2)))).hasSize(2 * MEBIBYTE);
    assertThat(store.blobs().isLinked(NAME, Digest.of(mebibytes(1, 2)))).isFalse();
    assertThat(store.blobs().size(Digest.of(mebibytes(2, 2)))).isEmpty();
  }

  @Test
  void aBlobThatWasMountedStaysThoughTheImageItCameWithGoes() throws IOException {
    Digest image = pull(NAME, "v1", mebibytes(1, 2), mebibytes(2, 3));
    store.blobs().link(new RepositoryName("mine"), Digest.of(mebibytes(1, 2)), Origin.PUSHED);

    pull(OTHER, "new", mebibytes(9, 6));

    assertThat(isThere(NAME, image)).isFalse();
    assertThat(content(Digest.of(mebibytes(1, 2)))).hasSize(2 * MEBIBYTE);
    assertThat(store.blobs().size(Digest.of(mebibytes(2, 3)))).isEmpty();
  }

  @Test
  void downloadsThatNobodyGoesOnWithGoFirst() throws IOException {
    Digest image = pull(NAME, "v1", mebibytes(1, 2));
    Digest abandoned = Digest.of(mebibytes(5, 6));
    try (PartialBlob partial = store.blobs().partial(abandoned)) {
      partial.append(ByteBuffer.wrap(mebibytes(5, 5)), length -> {});
    }

    pull(OTHER, "new", mebibytes(9, 4));

    assertThat(new Layout(directory).fill(abandoned)).doesNotExist();
    assertThat(isThere(NAME, image)).isTrue();
    Audit.counted(store, directory, "after an eviction");
  }

  @Test
  void aDownloadThatReservedItsRoomIsNotStoppedByOthers() throws IOException {
    byte[] content = mebibytes(1, 6);
    try (PartialBlob partial = store.blobs().partial(Digest.of(content))) {
      partial.reserve(content.length);
      partial.append(ByteBuffer.wrap(content, 0, MEBIBYTE), length -> {});
      assertThatThrownBy(() -> Pushes.blob(store, NAME, mebibytes(2, 4)))
          .isInstanceOf(StoreFullException.class);
      partial.append(ByteBuffer.wrap(content, MEBIBYTE, content.length - MEBIBYTE), length -> {});
      partial.commit();
    }
    assertThat(content(Digest.of(content))).isEqualTo(content);
    Audit.counted(store, directory, "after a reserved download");
  }

  @Test
  void whatWasReservedIsGivenBackWhenTheDownloadEnds() throws IOException {
    long before = store.usage().bytes();
    Digest digest = Digest.of(bytes("never comes"));
    try (PartialBlob partial = store.blobs().partial(digest)) {
      partial.reserve(6L * MEBIBYTE);
      assertThat(store.usage().bytes()).isEqualTo(before + 6L * MEBIBYTE);
      partial.reserve(5L * MEBIBYTE);
      assertThat(store.usage().bytes()).isEqualTo(before + 5L * MEBIBYTE);
    }
    assertThat(store.usage().bytes()).isEqualTo(before);
  }

  @Test
  void aDownloadThatCanNeverFitEvictsNothing() throws IOException {
    Digest image = pull(NAME, "v1", mebibytes(1, 4));

    try (PartialBlob partial = store.blobs().partial(Digest.of(bytes("large")))) {
      assertThatThrownBy(() -> partial.reserve(LIMIT + 1)).isInstanceOf(StoreFullException.class);
    }

    assertThat(isThere(NAME, image)).isTrue();
  }

  @Test
  void roomIsMadeBeforeSomebodyNeedsIt() throws IOException {
    pullImages(NAME, 4);
    store.close();
    store =
        Store.open(
            directory,
            new StorageLimits(OptionalLong.of(8L * MEBIBYTE), OptionalLong.empty(), Duration.ZERO),
            clock);

    store.relieve();

    assertThat(store.usage().bytes()).isLessThanOrEqualTo(8L * MEBIBYTE * 85 / 100 + 1);
  }

  @Test
  void aCachedImageIsPurged() throws IOException {
    Digest image = pull(NAME, "v1", mebibytes(1, 2));

    assertThat(repositories.purge(NAME, new Tag("v1"))).isEqualTo(new Purge.Purged(2L * MEBIBYTE));

    assertThat(isThere(NAME, image)).isFalse();
    assertThat(new Layout(directory).blob(Digest.of(mebibytes(1, 2)))).doesNotExist();
    assertThat(repositories.purge(NAME, new Tag("v1"))).isEqualTo(new Purge.Absent());
    assertThat(repositories.purge(NAME, image)).isEqualTo(new Purge.Absent());
  }

  @Test
  void aPurgeSaysWhyAnImageStays() throws IOException {
    Digest pushed =
        Pushes.manifest(
            store, NAME, Pushes.image("pushed", Optional.empty()), Origin.PUSHED, "pushed");
    Digest pinned = pull(NAME, "pinned", bytes("pinned"));
    repositories.pin(NAME, pinned);
    Digest child = pull(NAME, "child", bytes("child"));
    Digest index =
        Pushes.manifest(store, NAME, Pushes.index("i", Optional.empty(), child), Origin.CACHED);

    assertThat(repositories.purge(NAME, new Tag("pushed"))).isEqualTo(new Purge.Pushed());
    assertThat(repositories.purge(NAME, pushed)).isEqualTo(new Purge.Pushed());
    assertThat(repositories.purge(NAME, new Tag("pinned"))).isEqualTo(new Purge.Pinned());
    assertThat(repositories.purge(NAME, child)).isEqualTo(new Purge.Named(index));
    repositories.unpin(NAME, pinned);
    try (Blob blob = store.blobs().open(Digest.of(bytes("pinned"))).orElseThrow()) {
      assertThat(repositories.purge(NAME, pinned)).isEqualTo(new Purge.Read(blob.digest()));
    }
    assertThat(repositories.purge(NAME, pinned)).isEqualTo(new Purge.Purged(6));
  }

  @Test
  void theFileThatAKillLeftIsSweptAndTheOthersStay() throws IOException {
    Digest kept = Pushes.blob(store, NAME, bytes("kept"));
    Path left = new Layout(directory).blob(Digest.of(bytes("left")));
    Files.createDirectories(left.getParent());
    Files.write(left, bytes("left"));

    assertThat(store.sweep()).isEqualTo(1);

    assertThat(left).doesNotExist();
    assertThat(content(kept)).isEqualTo(bytes("kept"));
  }

  private List<Digest> pullImages(RepositoryName name, int count) throws IOException {
    var images = new ArrayList<Digest>();
    for (int i = 0; i < count; i++) {
      images.add(pull(name, "t" + i, mebibytes(i, 2)));
    }
    return images;
  }

  private Digest pull(RepositoryName name, String tag, byte[]... blobs) throws IOException {
    clock.advance(Duration.ofSeconds(1));
    return Pushes.pulled(store, name, tag, blobs);
  }

  private boolean isThere(RepositoryName name, Digest manifest) {
    return repositories.manifest(name, manifest).isPresent();
  }

  private byte[] content(Digest digest) throws IOException {
    try (Blob blob = store.blobs().open(digest).orElseThrow()) {
      return blob.readAll();
    }
  }

  private static byte[] mebibytes(int seed, int count) {
    byte[] content = new byte[count * MEBIBYTE];
    Arrays.fill(content, (byte) (seed + 1));
    return content;
  }
}
