package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.NamesFact;
import dev.cistern.storage.Facts.Part;
import dev.cistern.storage.Facts.Role;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What manifests name, as facts; and a store of before, which lacks them. */
class ManifestNamesTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;

  @Test
  void factsSayWhatTheManifestSays() {
    Digest subject = Digest.of(bytes("subject"));
    Digest layer = Digest.of(bytes("layer"));
    byte[] image = Pushes.image("a", Optional.of(subject), layer, layer);
    NamesFact names = NamesFact.of(Manifest.parse(image, Optional.empty()), image.length);

    assertThat(NamesFact.decode(names.encoded())).isEqualTo(names);
    assertThat(names.bytes()).isEqualTo(image.length);
    assertThat(names.isIndex()).isFalse();
    assertThat(names.subject()).contains(subject);
    assertThat(names.parts())
        .containsExactly(
            new Part(Digest.of(new byte[0]), 1, Role.CONFIG), new Part(layer, 1, Role.BLOB));

    byte[] bytes = Pushes.index("a", Optional.empty(), layer, layer);
    NamesFact index = NamesFact.of(Manifest.parse(bytes, Optional.empty()), bytes.length);
    assertThat(NamesFact.decode(index.encoded())).isEqualTo(index);
    assertThat(index.isIndex()).isTrue();
    assertThat(index.children()).containsExactly(layer);
  }

  @Test
  void anImageOfAnOlderStoreIsNotPrunedUntilItsNamesAreKnown() throws IOException {
    Digest image;
    Digest blob;
    try (Store store = Store.open(directory, clock)) {
      blob = Pushes.blob(store, NAME, bytes("layer"));
      image =
          Pushes.manifest(store, NAME, Pushes.image("1", Optional.empty(), blob), Origin.PUSHED);
      forgetNames(store);
    }
    clock.advance(Duration.ofHours(1));
    try (Store store = Store.open(directory, clock)) {
      assertThat(store.repositories().prune(NAME, image, clock.instant()))
          .isEqualTo(new Pruned.Kept("what it names is not known yet"));

      assertThat(store.learnNames()).isEqualTo(1);
      assertThat(store.learnNames()).as("they are known").isZero();

      assertThat(store.repositories().prune(NAME, image, clock.instant()))
          .isInstanceOf(Pruned.Removed.class);
      assertThat(store.blobs().size(blob)).isEmpty();
    }
    Audit.closed(directory, "after the prune");
    Audit.reachable(directory, "after the prune");
  }

  @Test
  void theFactsOfAnOlderStoreAreThoseOfANewOne() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      var images = new ArrayList<Digest>();
      for (int i = 0; i < 250; i++) {
        images.add(
            Pushes.manifest(
                store,
                NAME,
                Pushes.image("" + i, Optional.empty(), Digest.of(bytes("blob" + i))),
                Origin.CACHED,
                "v" + i));
      }
      Pushes.manifest(
          store,
          NAME,
          Pushes.index("i", Optional.empty(), images.toArray(Digest[]::new)),
          Origin.CACHED,
          "index");
      forgetNames(store);

      assertThat(store.learnNames()).isEqualTo(251);
    }
    Audit.reachable(directory, "after the facts were learnt");
  }

  @Test
  void deletesAndCopiesOfAnOlderStoreKnowWhatTheManifestNames() throws IOException {
    var other = new RepositoryName("a/c");
    try (Store store = Store.open(directory, clock)) {
      Digest subject =
          Pushes.manifest(store, NAME, Pushes.image("1", Optional.empty()), Origin.PUSHED, "v1");
      Digest referrer =
          Pushes.manifest(store, NAME, Pushes.image("2", Optional.of(subject)), Origin.PUSHED);
      forgetNames(store);

      assertThat(store.repositories().copy(NAME, other, referrer)).isTrue();
      assertThat(store.repositories().delete(NAME, referrer)).isTrue();

      assertThat(store.repositories().referrers(NAME, subject, Optional.empty(), 9)).isEmpty();
      assertThat(store.repositories().referrers(other, subject, Optional.empty(), 9)).hasSize(1);
    }
  }

  @Test
  void aPurgeLearnsWhatItNeeds() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Pushes.pulled(store, NAME, "v1", bytes("layer"));
      forgetNames(store);

      assertThat(store.repositories().purge(NAME, new Tag("v1"))).isEqualTo(new Purge.Purged(5));
    }
    Audit.reachable(directory, "after the purge");
  }

  /** Leaves what an earlier version of Cistern would have written. */
  private static void forgetNames(Store store) throws IOException {
    List<byte[]> keys = new ArrayList<>();
    byte[] family = Keys.family(Keys.NAMES);
    store.index().scan(family, family, (key, value) -> keys.add(key));
    store
        .index()
        .write(
            Index.Durability.SYNCED,
            batch -> {
              for (byte[] key : keys) {
                batch.delete(key);
              }
              return true;
            });
  }
}
