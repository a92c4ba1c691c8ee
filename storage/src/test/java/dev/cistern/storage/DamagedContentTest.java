package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class DamagedContentTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final RepositoryName OTHER = new RepositoryName("c/d");
  private static final byte[] CONTENT = bytes("right content");

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
    Audit.closed(directory, "at the end");
  }

  @Test
  void theGoodFileOfPushedContentThatComesBackIsKept() throws IOException {
    Digest digest = pushedAndGone();
    assertThat(store.damaged().isDamagedBlob(digest)).isTrue();
    comeBack(digest);

    assertThat(store.sweep()).isEqualTo(1);
    clock.advance(StorageLimits.NONE.quarantine().multipliedBy(3));
    store.expireQuarantine();

    try (PartialBlob partial = store.blobs().partial(digest)) {
      assertThat(partial.takeBack()).isTrue();
    }
    assertThat(store.blobs().size(digest)).hasValue(CONTENT.length);
  }

  @Test
  void aWholeFileWithoutAFactIsTakenBackFromItsPlace() throws IOException {
    Digest digest = pushedAndGone();
    comeBack(digest);

    try (PartialBlob partial = store.blobs().partial(digest)) {
      assertThat(partial.takeBack()).isTrue();
    }

    assertThat(store.blobs().isLinked(NAME, digest)).isTrue();
    assertThat(store.blobs().size(digest)).hasValue(CONTENT.length);
  }

  /** Pushes a blob and moves its file away, as a volume that is not mounted any longer. */
  private Digest pushedAndGone() throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    Files.move(new Layout(directory).blob(digest), directory.resolve("elsewhere"));
    assertThat(store.blobs().open(digest)).isEmpty();
    return digest;
  }

  private void comeBack(Digest digest) throws IOException {
    Files.move(directory.resolve("elsewhere"), new Layout(directory).blob(digest));
  }

  /** How a file may be damaged, and as what that is found. */
  enum Fault {
    FLIPPED(FindingKind.WRONG_DIGEST) {
      @Override
      void plant(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        content[3] ^= 1;
        Files.write(file, content);
      }
    },
    CUT(FindingKind.WRONG_SIZE) {
      @Override
      void plant(Path file) throws IOException {
        byte[] content = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(content, content.length - 1));
      }
    },
    GROWN(FindingKind.WRONG_SIZE) {
      @Override
      void plant(Path file) throws IOException {
        Files.write(file, bytes("!"), StandardOpenOption.APPEND);
      }
    },
    LOST(FindingKind.MISSING_CONTENT) {
      @Override
      void plant(Path file) throws IOException {
        Files.delete(file);
      }
    };

    private final FindingKind kind;

    Fault(FindingKind kind) {
      this.kind = kind;
    }

    abstract void plant(Path file) throws IOException;
  }

  @ParameterizedTest
  @EnumSource
  void damagedContentIsAbsentEverywhereUntilItIsPushedSomewhere(Fault fault) throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    store.blobs().link(OTHER, digest, Origin.PUSHED);
    long version = store.repositories().version(NAME);
    long others = store.repositories().version(OTHER);
    fault.plant(file(digest));

    assertThat(store.blobs().verify(digest, BlobVerifier.Pace.NONE)).hasValue(fault.kind);

    assertThat(store.blobs().size(digest)).isEmpty();
    assertThat(store.blobs().open(digest)).isEmpty();
    assertThat(store.blobs().link(OTHER, digest, Origin.PUSHED)).as("mounted").isFalse();
    assertThat(store.blobs().isLinked(NAME, digest)).isTrue();
    assertThat(store.repositories().version(NAME)).isNotEqualTo(version);
    assertThat(store.repositories().version(OTHER)).isNotEqualTo(others);
    assertThat(store.damaged().isDamagedBlob(digest)).isTrue();
    assertThat(store.damaged().blobs()).isEqualTo(1);
    assertThat(store.damaged().found(Origin.PUSHED)).isEqualTo(1);
    assertThat(store.blobs().verify(digest, BlobVerifier.Pace.NONE)).as("is known").isEmpty();

    Pushes.blob(store, OTHER, CONTENT);

    assertThat(content(digest)).isEqualTo(CONTENT);
    assertThat(store.damaged().isDamagedBlob(digest)).isFalse();
    assertThat(store.damaged().blobs()).isZero();
    assertThat(store.damaged().healed(DamagedContent.Healing.PUSHED)).isEqualTo(1);
    Audit.counted(store, directory, "after the push");
  }

  @ParameterizedTest
  @EnumSource
  void verifiedContentReplacesWhatIsThereThoughNobodyKnowsThatItIsDamaged(Fault fault)
      throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    fault.plant(file(digest));

    Pushes.blob(store, OTHER, CONTENT);

    assertThat(content(digest)).isEqualTo(CONTENT);
    Audit.counted(store, directory, "after the push");
  }

  @Test
  void aFillReplacesWhatIsThereToo() throws IOException {
    Digest digest = Pushes.fetched(store, CONTENT);
    Fault.FLIPPED.plant(file(digest));

    Pushes.fetched(store, CONTENT);

    assertThat(content(digest)).isEqualTo(CONTENT);
  }

  @Test
  void whoReadsTheOldFileIsNotDisturbed() throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    try (Blob open = store.blobs().open(digest).orElseThrow()) {
      Pushes.blob(store, NAME, CONTENT);
      Files.write(file(digest), bytes("other content"));

      assertThat(open.readAll()).isEqualTo(CONTENT);
    }
    Pushes.blob(store, NAME, CONTENT);
  }

  @Test
  void whoKeepsTheOldFileOpenLetsItGo() throws IOException {
    var letGo = new ArrayList<Digest>();
    store.blobs().addIdleHolder(letGo::add);
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    assertThat(letGo).isEmpty();
    long version = store.repositories().version(NAME);

    Pushes.blob(store, OTHER, CONTENT);

    assertThat(letGo).containsExactly(digest);
    assertThat(store.repositories().version(NAME)).isNotEqualTo(version);
  }

  @Test
  void anUploadWhoseFileWasCutIsNotStored() throws IOException {
    Digest digest = Digest.of(CONTENT);
    try (PartialBlob partial = store.blobs().partial(digest)) {
      partial.append(ByteBuffer.wrap(CONTENT), length -> {});
      partial.channel().truncate(3);
      assertThat(partial.isVerified()).isTrue();

      assertThatThrownBy(partial::commit).isInstanceOf(IOException.class);
      partial.discard();
    }
    assertThat(store.blobs().size(digest)).isEmpty();
  }

  @Test
  void cachedContentIsFetchedAgain() throws IOException {
    Digest digest = Pushes.fetched(store, CONTENT);
    store.blobs().link(NAME, digest, Origin.CACHED);
    Fault.FLIPPED.plant(file(digest));
    store.blobs().verify(digest, BlobVerifier.Pace.NONE);
    assertThat(store.damaged().found(Origin.CACHED)).isEqualTo(1);

    Pushes.fetched(store, CONTENT);

    assertThat(content(digest)).isEqualTo(CONTENT);
    assertThat(store.damaged().healed(DamagedContent.Healing.REFETCHED)).isEqualTo(1);
  }

  @Test
  void aReaderThatFailsHasTheBlobVerified() throws IOException, InterruptedException {
    var found = new CountDownLatch(1);
    store
        .blobs()
        .addIdleHolder(blob -> {
          if (store.damaged().isDamagedBlob(blob)) {
            found.countDown();
          }
        });
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    try (Blob open = store.blobs().open(digest).orElseThrow()) {
      Fault.CUT.plant(file(digest));
      open.suspect();
    }

    assertThat(found.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(store.blobs().open(digest)).isEmpty();
  }

  @Test
  void aSmallBlobIsHashedWhenItIsRead() throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    Fault.FLIPPED.plant(file(digest));

    try (Blob open = store.blobs().open(digest).orElseThrow()) {
      assertThat(open.readVerified()).isEmpty();
    }

    assertThat(store.damaged().isDamagedBlob(digest)).isTrue();
  }

  @Test
  void damageIsKnownAfterAReopen() throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    Fault.LOST.plant(file(digest));
    store.blobs().verify(digest, BlobVerifier.Pace.NONE);

    store.close();
    open();

    assertThat(store.damaged().isDamagedBlob(digest)).isTrue();
    assertThat(store.damaged().blobs()).isEqualTo(1);
  }

  @Test
  void whatNothingReachesIsNotDamagedAnyLonger() throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    Digest image =
        Pushes.manifest(
            store, NAME, Pushes.image("x", Optional.empty(), digest), Origin.PUSHED, "v1");
    damageManifest(image);
    assertThat(store.repositories().manifest(NAME, image)).isEmpty();
    Fault.LOST.plant(file(digest));
    store.blobs().verify(digest, BlobVerifier.Pace.NONE);
    clock.advance(Duration.ofDays(30));
    store.collect();
    assertThat(store.damaged().isDamagedBlob(digest)).isTrue();
    assertThat(store.damaged().isDamagedManifest(image)).isTrue();

    Pushes.manifest(store, NAME, Pushes.image("x", Optional.empty(), digest), Origin.PUSHED);
    store.repositories().delete(NAME, image);
    clock.advance(Duration.ofDays(30));
    store.collect();

    assertThat(store.damaged().isDamagedManifest(image)).isFalse();
    assertThat(store.damaged().isDamagedBlob(digest)).isFalse();
    assertThat(store.damaged().blobs()).isZero();
  }

  @ParameterizedTest
  @EnumSource
  void aManifestThatIsDamagedIsAbsentUntilItIsPutAgain(Origin origin) throws IOException {
    byte[] bytes = Pushes.image("x", Optional.empty());
    Digest image = Pushes.manifest(store, NAME, bytes, origin, "v1");
    Pushes.manifest(store, OTHER, bytes, origin, "v1");
    damageManifest(image);

    assertThat(store.repositories().manifest(NAME, image)).isEmpty();
    assertThat(store.repositories().manifest(OTHER, image)).isEmpty();
    assertThat(store.damaged().isDamagedManifest(image)).isTrue();
    assertThat(store.damaged().found(origin)).isEqualTo(1);
    assertThat(store.damaged().blobs()).as("blobs").isZero();

    Pushes.manifest(store, OTHER, bytes, origin);

    assertThat(store.repositories().manifest(NAME, image).orElseThrow().bytes()).isEqualTo(bytes);
    assertThat(store.damaged().isDamagedManifest(image)).isFalse();
  }

  @Test
  void aDamagedManifestIsPushedContentIfAnyRepositoryHasItPushed() throws IOException {
    byte[] bytes = Pushes.image("x", Optional.empty());
    Digest image = Pushes.manifest(store, NAME, bytes, Origin.CACHED, "v1");
    Pushes.manifest(store, OTHER, bytes, Origin.PUSHED, "v1");
    damageManifest(image);

    assertThat(store.repositories().manifest(NAME, image)).isEmpty();

    assertThat(store.damaged().found(Origin.PUSHED)).isEqualTo(1);
    assertThat(store.damaged().found(Origin.CACHED)).isZero();
  }

  /** Changes one byte of a manifest in the index, as a broken disk that lies about it would. */
  private void damageManifest(Digest image) throws IOException {
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
  }

  private Path file(Digest digest) {
    return new Layout(directory).blob(digest);
  }

  private byte[] content(Digest digest) throws IOException {
    try (Blob blob = store.blobs().open(digest).orElseThrow()) {
      return blob.readVerified().orElseThrow();
    }
  }
}
