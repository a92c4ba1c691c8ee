package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RepositoriesTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final RepositoryName OTHER = new RepositoryName("a/b-c");
  private static final Tag TAG = new Tag("v1");

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;
  private Store store;
  private Repositories repositories;

  @BeforeEach
  void open() throws IOException {
    store = Store.open(directory, clock);
    repositories = store.repositories();
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  @Test
  void aManifestIsThereByteForByteInItsRepositoryOnly() throws IOException {
    byte[] bytes = Pushes.image("\\u00e4", Optional.empty());
    Digest digest = Pushes.manifest(store, NAME, bytes, Origin.PUSHED, "v1", "v2");

    StoredManifest found = repositories.manifest(NAME, digest).orElseThrow();
    assertThat(found.bytes()).isEqualTo(bytes);
    assertThat(found.mediaType()).isEqualTo(MediaType.OCI_IMAGE);
    assertThat(repositories.tags(NAME, "", 9)).containsExactly("v1", "v2");
    assertThat(repositories.tag(NAME, TAG))
        .contains(new StoredTag(digest, Origin.PUSHED, clock.instant()));
    assertThat(repositories.exists(NAME)).isTrue();
    assertThat(repositories.manifest(OTHER, digest)).isEmpty();
    assertThat(repositories.tag(OTHER, TAG)).isEmpty();
    assertThat(repositories.exists(OTHER)).isFalse();
  }

  @Test
  void allOfItIsThereAfterAReopen() throws IOException {
    Digest pushed = push("pushed", "v1");
    Digest cached = fetch("cached", "v2");

    store.close();
    open();

    assertThat(repositories.tag(NAME, TAG).map(StoredTag::digest)).contains(pushed);
    assertThat(repositories.manifest(NAME, cached)).isPresent();
    assertThat(repositories.repositories("", 9, name -> true)).containsExactly("a/b");
  }

  @Test
  void aCachedTagNeverReplacesAPushedOne() throws IOException {
    Digest pushed = push("pushed", "v1");
    Digest cached = fetch("cached", "v1");

    assertThat(repositories.tag(NAME, TAG).map(StoredTag::digest)).contains(pushed);
    assertThat(repositories.manifest(NAME, cached)).isPresent();
    repositories.confirm(NAME, TAG, cached);
    assertThat(repositories.tag(NAME, TAG).map(StoredTag::origin)).contains(Origin.PUSHED);
  }

  @Test
  void aPushedTagReplacesACachedOne() throws IOException {
    fetch("cached", "v1");
    Digest pushed = push("pushed", "v1");

    assertThat(repositories.tag(NAME, TAG))
        .contains(new StoredTag(pushed, Origin.PUSHED, clock.instant()));
  }

  @Test
  void aCachedTagIsConfirmedWithTheTime() throws IOException {
    Digest digest = fetch("cached", "v1");
    clock.advance(Duration.ofMinutes(5));

    repositories.confirm(NAME, TAG, digest);

    assertThat(repositories.tag(NAME, TAG))
        .contains(new StoredTag(digest, Origin.CACHED, clock.instant()));
  }

  @Test
  void aTagThatWasDeletedOrMovedMeanwhileIsNotConfirmed() throws IOException {
    Digest first = fetch("first", "v1");
    Digest second = fetch("second", "v1");

    repositories.confirm(NAME, TAG, first);
    assertThat(repositories.tag(NAME, TAG).map(StoredTag::digest)).contains(second);

    repositories.delete(NAME, second);
    repositories.confirm(NAME, TAG, second);
    assertThat(repositories.tag(NAME, TAG)).isEmpty();
  }

  @Test
  void aCachedManifestLinksItsBlobsAndAPushedOneDoesNot() throws IOException {
    Digest blob = Pushes.fetched(store, bytes("content"));
    byte[] image = Pushes.image("1", Optional.empty(), blob);

    Pushes.manifest(store, NAME, image, Origin.PUSHED, "v1");
    assertThat(store.blobs().isLinked(NAME, blob)).isFalse();

    Pushes.manifest(store, NAME, image, Origin.CACHED, "v2");
    assertThat(store.blobs().isLinked(NAME, blob)).isTrue();
    assertThat(store.blobs().isLinked(OTHER, blob)).isFalse();
  }

  @Test
  void theSameContentIsAManifestAndABlobAtOnce() throws IOException {
    byte[] image = Pushes.image("1", Optional.empty());
    for (Origin origin : Origin.values()) {
      for (boolean blobFirst : new boolean[] {true, false}) {
        var name = new RepositoryName("both/" + origin.code() + (blobFirst ? "a" : "b"));
        Digest digest = Digest.of(image);
        if (blobFirst) {
          Pushes.blob(store, name, image);
        }
        Pushes.manifest(store, name, image, origin, "v1");
        if (!blobFirst) {
          Pushes.blob(store, name, image);
        }

        assertThat(store.blobs().isLinked(name, digest)).as("%s", name).isTrue();
        assertThat(repositories.manifest(name, digest)).as("%s", name).isPresent();
        repositories.delete(name, digest);
        assertThat(store.blobs().isLinked(name, digest)).as("%s", name).isTrue();
      }
    }
  }

  @Test
  void aTagIsDeletedAndItsManifestStays() throws IOException {
    Digest digest = push("1", "v1", "v2");

    assertThat(repositories.delete(NAME, TAG)).isTrue();
    assertThat(repositories.delete(NAME, TAG)).isFalse();

    assertThat(repositories.tags(NAME, "", 9)).containsExactly("v2");
    assertThat(repositories.manifest(NAME, digest)).isPresent();
  }

  @Test
  void aManifestIsDeletedWithItsTagsAndItsPlaceAmongTheReferrers() throws IOException {
    Digest subject = push("subject", "v1");
    byte[] referrer = Pushes.image("referrer", Optional.of(subject));
    Digest digest = Pushes.manifest(store, NAME, referrer, Origin.PUSHED, "r1", "r2");
    Pushes.manifest(store, OTHER, referrer, Origin.PUSHED, "r1");

    assertThat(repositories.delete(NAME, digest)).isTrue();
    assertThat(repositories.delete(NAME, digest)).isFalse();

    assertThat(repositories.manifest(NAME, digest)).isEmpty();
    assertThat(repositories.tags(NAME, "", 9)).containsExactly("v1");
    assertThat(referrers(NAME, subject)).isEmpty();
    assertThat(repositories.tags(OTHER, "", 9)).containsExactly("r1");
    assertThat(referrers(OTHER, subject)).containsExactly(digest);
  }

  @Test
  void aRepositoryWithoutManifestsIsNotListed() throws IOException {
    Digest blob = Pushes.blob(store, NAME, bytes("content"));
    assertThat(repositories.exists(NAME)).isFalse();
    Digest first = push("1", "v1");
    Digest second = push("2", "v2");

    repositories.delete(NAME, first);
    assertThat(repositories.repositories("", 9, name -> true)).containsExactly("a/b");
    repositories.delete(NAME, second);
    assertThat(repositories.repositories("", 9, name -> true)).isEmpty();
    assertThat(store.blobs().isLinked(NAME, blob)).isTrue();
  }

  @Test
  void referrersAreListedWithWhatTheySayOfThemselves() throws IOException {
    Digest subject = Digest.of(bytes("a subject that is not here"));
    byte[] bytes = Pushes.image("note", Optional.of(subject));
    Digest digest = Pushes.manifest(store, NAME, bytes, Origin.PUSHED);

    List<Descriptor> found = repositories.referrers(NAME, subject, Optional.empty(), 9);

    assertThat(found).hasSize(1);
    assertThat(found.getFirst().digest()).isEqualTo(digest);
    assertThat(found.getFirst().size()).isEqualTo(bytes.length);
    assertThat(found.getFirst().artifactType()).contains("application/json");
    assertThat(found.getFirst().annotations()).containsEntry("a", "note");
  }

  @Test
  void listsComeInPages() throws IOException {
    Digest subject = Digest.of(bytes("subject"));
    for (String tag : List.of("b", "a", "B", "a.1", "a-1", "_")) {
      Pushes.manifest(store, NAME, Pushes.image(tag, Optional.of(subject)), Origin.PUSHED, tag);
    }

    assertThat(repositories.tags(NAME, "", 2)).containsExactly("B", "_");
    assertThat(repositories.tags(NAME, "_", 3)).containsExactly("a", "a-1", "a.1");
    assertThat(repositories.tags(NAME, "a.1", 3)).containsExactly("b");
    assertThat(repositories.tags(NAME, "a-0 is not there", 1)).containsExactly("a-1");
    assertThat(repositories.tags(NAME, "b", 3)).isEmpty();
    assertThat(repositories.tags(NAME, "", 0)).isEmpty();
    List<Digest> all = referrers(NAME, subject);
    assertThat(all).hasSize(6);
    assertThat(repositories.referrers(NAME, subject, Optional.of(all.get(2)), 2))
        .extracting(Descriptor::digest)
        .containsExactly(all.get(3), all.get(4));
  }

  @Test
  void whatWasPushedIsListedWithoutWhatIsCached() throws IOException {
    Digest subject = Digest.of(bytes("subject"));
    push("pushed", "a", "c");
    fetch("cached", "b", "c", "d");
    Digest pushed =
        Pushes.manifest(
            store, NAME, Pushes.image("pushed", Optional.of(subject)), Origin.PUSHED, "e");
    Pushes.manifest(store, NAME, Pushes.image("cached", Optional.of(subject)), Origin.CACHED);

    assertThat(repositories.pushedTags(NAME, "", 9)).containsExactly("a", "c", "e");
    assertThat(repositories.pushedTags(NAME, "a", 1)).containsExactly("c");
    assertThat(repositories.tags(NAME, "", 9)).containsExactly("a", "b", "c", "d", "e");
    assertThat(repositories.pushedReferrers(NAME, subject, Optional.empty(), 9))
        .extracting(Descriptor::digest)
        .containsExactly(pushed);
    assertThat(repositories.pushedReferrers(NAME, subject, Optional.of(pushed), 9)).isEmpty();
    assertThat(referrers(NAME, subject)).hasSize(2).contains(pushed);
  }

  @Test
  void repositoriesAreListedInTheOrderOfBytes() throws IOException {
    for (String name : List.of("a/b", "a0", "a-b", "a", "a.b", "a_b")) {
      Pushes.manifest(
          store,
          new RepositoryName(name),
          Pushes.image("1", Optional.empty()),
          Origin.PUSHED,
          "v1");
    }

    assertThat(repositories.repositories("", 9, name -> true))
        .containsExactly("a", "a-b", "a.b", "a/b", "a0", "a_b");
    assertThat(repositories.repositories("a.b", 2, name -> true)).containsExactly("a/b", "a0");
  }

  @Test
  void theVersionMovesWithEveryChangeThatMakesAnAnswerWrong() throws IOException {
    Digest digest = push("1", "v1");
    long first = repositories.version(NAME);
    repositories.confirm(NAME, TAG, digest);
    long second = repositories.version(NAME);
    repositories.delete(NAME, TAG);
    long third = repositories.version(NAME);
    repositories.delete(NAME, digest);

    assertThat(Stream.of(first, second, third, repositories.version(NAME))).doesNotHaveDuplicates();
  }

  private Digest push(String text, String... tags) throws IOException {
    return Pushes.manifest(store, NAME, Pushes.image(text, Optional.empty()), Origin.PUSHED, tags);
  }

  private Digest fetch(String text, String... tags) throws IOException {
    return Pushes.manifest(store, NAME, Pushes.image(text, Optional.empty()), Origin.CACHED, tags);
  }

  private List<Digest> referrers(RepositoryName name, Digest subject) {
    return repositories.referrers(name, subject, Optional.empty(), 99).stream()
        .map(Descriptor::digest)
        .toList();
  }
}
