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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PruningTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final RepositoryName OTHER = new RepositoryName("a/c");
  private static final Duration GRACE = Duration.ofDays(1);
  private static final Duration HOUR = Duration.ofHours(1);

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;
  private Store store;
  private Repositories repositories;

  @BeforeEach
  void open() throws IOException {
    store =
        Store.open(
            directory, new StorageLimits(OptionalLong.empty(), OptionalLong.empty(), GRACE), clock);
    repositories = store.repositories();
  }

  @AfterEach
  void close() throws IOException {
    Audit.counted(store, directory, "after the test");
    store.close();
    Audit.closed(directory, "after the test");
  }

  @Test
  void anOldImageGoesWithItsBlobs() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    clock.advance(HOUR);

    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(blob), Map.of(blob, 5L)));

    assertThat(repositories.manifest(NAME, image)).isEmpty();
    assertThat(repositories.exists(NAME)).isFalse();
    assertThat(store.blobs().isLinked(NAME, blob)).isFalse();
    assertThat(store.blobs().size(blob)).isEmpty();
    assertThat(new Layout(directory).blob(blob)).doesNotExist();
    assertThat(prune(image)).isEqualTo(new Pruned.Absent());
  }

  @Test
  void whatWasPulledGoesLikeWhatWasPushed() throws IOException {
    Digest image = Pushes.pulled(store, NAME, "v1", bytes("layer"));
    repositories.delete(NAME, new Tag("v1"));
    Digest layer = Digest.of(bytes("layer"));
    clock.advance(HOUR);

    assertThat(prune(image))
        .isEqualTo(new Pruned.Removed(List.of(Digest.of(new byte[0]), layer), Map.of(layer, 5L)));
  }

  @Test
  void whatIsYoungStays() throws IOException {
    Digest image = push(NAME, Pushes.blob(store, NAME, bytes("layer")));
    clock.advance(HOUR.minusSeconds(1));

    assertThat(prune(image)).isEqualTo(new Pruned.Kept("it was used at 2026-11-01T00:00:00Z"));
  }

  @Test
  void whatAPushMayBeAboutToNameStaysWhateverIsAskedFor() throws IOException {
    Digest child = push(NAME, Pushes.blob(store, NAME, bytes("layer")));
    clock.advance(Duration.ofMinutes(10).minusSeconds(1));

    assertThat(repositories.prune(NAME, child, clock.instant()))
        .isEqualTo(new Pruned.Kept("it was used at 2026-11-01T00:00:00Z"));
    clock.advance(Duration.ofSeconds(1));
    assertThat(repositories.prune(NAME, child, clock.instant())).isInstanceOf(Pruned.Removed.class);
  }

  @Test
  void whatIsCopiedIsAsItIsThere() throws IOException {
    var other = new RepositoryName("other/app");
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob, "v1");

    assertThat(repositories.copy(NAME, other, image)).isTrue();

    assertThat(repositories.manifest(other, image)).isPresent();
    assertThat(repositories.tags(other, "", 9)).isEmpty();
    assertThat(store.blobs().isLinked(other, blob)).isTrue();
    assertThat(repositories.copy(NAME, other, Digest.of(bytes("none")))).isFalse();
    clock.advance(HOUR);
    repositories.delete(NAME, new Tag("v1"));
    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(blob), Map.of()));
    assertThat(content(blob)).isEqualTo(bytes("layer"));
  }

  @Test
  void whatWasAskedForLatelyStays() throws IOException {
    Digest image = push(NAME, Pushes.blob(store, NAME, bytes("layer")));
    clock.advance(HOUR);
    repositories.used(NAME, image);

    assertThat(repositories.lastUsed(NAME, image)).contains(clock.instant());
    assertThat(prune(image)).isEqualTo(new Pruned.Kept("it was used at 2026-11-01T01:00:00Z"));

    store.relieve(); // writes it down
    assertThat(prune(image)).isEqualTo(new Pruned.Kept("it was used at 2026-11-01T01:00:00Z"));
  }

  @Test
  void whatATagPointsToStays() throws IOException {
    Digest image = push(NAME, Pushes.blob(store, NAME, bytes("layer")), "v1");
    clock.advance(HOUR);

    assertThat(prune(image)).isEqualTo(new Pruned.Kept("the tag v1 points to it"));
    repositories.delete(NAME, new Tag("v1"));
    assertThat(prune(image)).isInstanceOf(Pruned.Removed.class);
  }

  @Test
  void whatIsPinnedStays() throws IOException {
    Digest image = push(NAME, Pushes.blob(store, NAME, bytes("layer")));
    repositories.pin(NAME, new Tag("v1"));
    repositories.pin(NAME, image);
    clock.advance(HOUR);

    assertThat(prune(image)).isEqualTo(new Pruned.Kept("it is pinned"));
    repositories.unpin(NAME, image);
    assertThat(prune(image)).isInstanceOf(Pruned.Removed.class);
  }

  @Test
  void aChildStaysWithItsIndexAndGoesAfterIt() throws IOException {
    Digest child = push(NAME, Pushes.blob(store, NAME, bytes("layer")));
    Digest index =
        Pushes.manifest(
            store, NAME, Pushes.index("i", Optional.empty(), child), Origin.PUSHED, "multi");
    clock.advance(HOUR);

    assertThat(prune(child)).isEqualTo(new Pruned.Kept("it belongs to " + index));
    repositories.delete(NAME, new Tag("multi"));
    assertThat(prune(index)).isEqualTo(new Pruned.Removed(List.of(), Map.of()));
    assertThat(prune(child)).isInstanceOf(Pruned.Removed.class);
  }

  @Test
  void aChildThatIsTaggedKeepsItselfAndNotTheIndex() throws IOException {
    Digest child = push(NAME, Pushes.blob(store, NAME, bytes("layer")), "amd64");
    Digest index =
        Pushes.manifest(store, NAME, Pushes.index("i", Optional.empty(), child), Origin.PUSHED);
    clock.advance(HOUR);

    assertThat(prune(index)).isInstanceOf(Pruned.Removed.class);
    assertThat(prune(child)).isEqualTo(new Pruned.Kept("the tag amd64 points to it"));
    assertThat(repositories.manifest(NAME, child)).isPresent();
  }

  @Test
  void aBlobThatAnotherImageNeedsStays() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    Pushes.manifest(store, NAME, Pushes.image("two", Optional.empty(), blob), Origin.PUSHED, "two");
    clock.advance(HOUR);

    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(), Map.of()));
    assertThat(store.blobs().isLinked(NAME, blob)).isTrue();
    assertThat(content(blob)).isEqualTo(bytes("layer"));
  }

  @Test
  void anImageOfTwoRepositoriesLeavesItsContentToTheOther() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    store.blobs().link(OTHER, blob, Origin.PUSHED);
    push(OTHER, blob);
    clock.advance(HOUR);

    assertThat(repositories.keepers(image)).containsExactly(NAME, OTHER);
    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(blob), Map.of()));
    assertThat(repositories.keepers(image)).containsExactly(OTHER);
    assertThat(repositories.manifest(OTHER, image)).isPresent();
    assertThat(content(blob)).isEqualTo(bytes("layer"));
    assertThat(repositories.prune(OTHER, image, limit()))
        .isEqualTo(new Pruned.Removed(List.of(blob), Map.of(blob, 5L)));
  }

  @Test
  void theContentOfAnImageThatAnotherRepositoryKeepsStaysThoughThatLostItsLink()
      throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    push(OTHER, blob);
    clock.advance(HOUR);

    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(blob), Map.of()));
    assertThat(content(blob)).isEqualTo(bytes("layer"));
  }

  @Test
  void aBlobThatWasJustBroughtStays() throws IOException {
    Digest image = push(NAME, Pushes.blob(store, NAME, bytes("layer")));
    clock.advance(HOUR);
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));

    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(), Map.of()));
    assertThat(store.blobs().isLinked(NAME, blob)).isTrue();
    assertThat(content(blob)).isEqualTo(bytes("layer"));
  }

  @Test
  void aBlobThatAClientWasJustToldOfStays() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    clock.advance(HOUR);
    store.blobs().keep(NAME, blob);

    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(), Map.of()));
    assertThat(store.blobs().isLinked(NAME, blob)).isTrue();
    assertThat(content(blob)).isEqualTo(bytes("layer"));
  }

  @Test
  void whatIsReadStaysAndIsCollectedLater() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    clock.advance(GRACE);
    try (Blob open = store.blobs().open(blob).orElseThrow()) {
      assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(blob), Map.of()));
      assertThat(open.readAll()).isEqualTo(bytes("layer"));
    }

    assertThat(store.collect()).isEqualTo(new Collected(0, 0, 1, 5));
  }

  @Test
  void whoKeepsAFileOpenWithoutReadingLetsGo() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    clock.advance(HOUR);
    Blob idle = store.blobs().open(blob).orElseThrow();
    store
        .blobs()
        .addIdleHolder(digest -> {
          if (digest.equals(blob)) {
            idle.release();
          }
        });

    assertThat(prune(image)).isEqualTo(new Pruned.Removed(List.of(blob), Map.of(blob, 5L)));
  }

  @Test
  void aSignatureStaysAsLongAsWhatItSigns() throws IOException {
    Digest image = push(NAME, Pushes.blob(store, NAME, bytes("layer")), "v1");
    Digest signature =
        Pushes.manifest(store, NAME, Pushes.image("s", Optional.of(image)), Origin.PUSHED);
    clock.advance(HOUR);

    assertThat(prune(signature)).isEqualTo(new Pruned.Kept("it refers to " + image));
    repositories.delete(NAME, new Tag("v1"));
    assertThat(prune(image)).isInstanceOf(Pruned.Removed.class);
    assertThat(prune(signature)).isInstanceOf(Pruned.Removed.class);
    assertThat(repositories.referrers(NAME, image, Optional.empty(), 9)).isEmpty();
  }

  @Test
  void aTrialSaysWhatWouldComeOfPrunesAfterEachOther() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    store.blobs().link(OTHER, blob, Origin.PUSHED);
    push(OTHER, blob);
    Digest index =
        Pushes.manifest(store, OTHER, Pushes.index("i", Optional.empty(), image), Origin.PUSHED);
    clock.advance(HOUR);

    try (PruneTrial trial = repositories.pruneTrial()) {
      assertThat(trial.prune(NAME, image, limit()))
          .isEqualTo(new Pruned.Removed(List.of(blob), Map.of()));
      assertThat(trial.prune(NAME, image, limit())).isEqualTo(new Pruned.Absent());
      assertThat(trial.prune(OTHER, image, limit()))
          .isEqualTo(new Pruned.Kept("it belongs to " + index));
      assertThat(trial.prune(OTHER, index, limit())).isInstanceOf(Pruned.Removed.class);
      assertThat(trial.prune(OTHER, image, limit()))
          .isEqualTo(new Pruned.Removed(List.of(blob), Map.of(blob, 5L)));
    }

    assertThat(repositories.keepers(image)).containsExactly(NAME, OTHER);
    assertThat(repositories.manifest(OTHER, index)).isPresent();
    assertThat(content(blob)).isEqualTo(bytes("layer"));
  }

  @Test
  void tagsAreRemovedTogetherWithAChangeOfObjectsOrNotAtAll() throws IOException {
    Digest image = push(NAME, Pushes.blob(store, NAME, bytes("layer")), "v1", "v2", "v3");
    var object = new ObjectName("ImageStream", "a", "b");
    var made = new ObjectEdit.Put(object, "{}", new Expected.Absent());

    assertThat(repositories.untag(NAME, List.of(new Tag("v1")), List.of(made)))
        .isInstanceOf(ObjectChange.Done.class);
    assertThat(repositories.tags(NAME, "", 9)).containsExactly("v2", "v3");
    assertThat(store.objects().get(object)).isPresent();

    assertThat(repositories.untag(NAME, List.of(new Tag("v2")), List.of(made)))
        .isInstanceOf(ObjectChange.Conflict.class);
    assertThat(repositories.tags(NAME, "", 9)).containsExactly("v2", "v3");
    assertThat(repositories.untag(NAME, List.of(new Tag("v2"), new Tag("no")), List.of()))
        .isInstanceOf(ObjectChange.Done.class);
    assertThat(repositories.tags(NAME, "", 9)).containsExactly("v3");
    assertThat(repositories.manifest(NAME, image)).isPresent();
  }

  @Test
  void nobodyKeepsOrUsesWhatIsNotThere() {
    Digest image = Digest.of(bytes("image"));

    assertThat(repositories.keepers(image)).isEmpty();
    assertThat(repositories.lastUsed(NAME, image)).isEmpty();
  }

  @Test
  void aBlobIsDiscardedHoweverYoungUnlessSomethingReachesIt() throws IOException {
    Digest loose = Pushes.fetched(store, bytes("loose"));
    Digest linked = Pushes.blob(store, NAME, bytes("linked"));

    assertThat(store.discard(loose)).isTrue();
    assertThat(store.discard(loose)).isFalse();
    assertThat(store.discard(linked)).isFalse();
    assertThat(new Layout(directory).blob(loose)).doesNotExist();
    assertThat(content(linked)).isEqualTo(bytes("linked"));
  }

  @Test
  void aBlobIsDiscardedWithTheManifestsThatNobodyKeeps() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("layer"));
    Digest image = push(NAME, blob);
    store.blobs().unlink(NAME, blob);

    assertThat(store.discard(blob)).as("a kept manifest names it").isFalse();
    repositories.delete(NAME, image);
    assertThat(store.discard(blob)).isTrue();

    assertThat(store.collect()).isEqualTo(new Collected(0, 0, 0, 0));
    assertThat(store.usage().collectedBytes()).isEqualTo(5);
  }

  @Test
  void aBlobThatIsReadIsNotDiscarded() throws IOException {
    Digest blob = Pushes.fetched(store, bytes("layer"));
    try (Blob open = store.blobs().open(blob).orElseThrow()) {
      assertThat(store.discard(blob)).isFalse();
      assertThat(open.readAll()).isEqualTo(bytes("layer"));
    }
    assertThat(store.discard(blob)).isTrue();
  }

  private Pruned prune(Digest image) throws IOException {
    return repositories.prune(NAME, image, limit());
  }

  private Instant limit() {
    return clock.instant().minus(HOUR);
  }

  private Digest push(RepositoryName name, Digest blob, String... tags) throws IOException {
    return Pushes.manifest(
        store, name, Pushes.image("image", Optional.empty(), blob), Origin.PUSHED, tags);
  }

  private byte[] content(Digest digest) throws IOException {
    try (Blob blob = store.blobs().open(digest).orElseThrow()) {
      return blob.readAll();
    }
  }
}
