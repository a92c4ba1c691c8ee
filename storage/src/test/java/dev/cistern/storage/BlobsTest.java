package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BlobsTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final RepositoryName OTHER = new RepositoryName("a/b-c");

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
  void aPushedBlobIsThereAndLinked() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));

    assertThat(content(digest)).isEqualTo(bytes("content"));
    assertThat(store.blobs().size(digest)).hasValue(7);
    assertThat(store.blobs().isLinked(NAME, digest)).isTrue();
    assertThat(store.blobs().isLinked(OTHER, digest)).isFalse();
  }

  @Test
  void anEmptyBlobIsABlob() throws IOException {
    Digest digest = Pushes.blob(store, NAME, new byte[0]);

    assertThat(content(digest)).isEmpty();
  }

  @Test
  void aBlobIsThereAfterAReopen() throws IOException {
    Digest pushed = Pushes.blob(store, NAME, bytes("pushed"));
    Digest fetched = Pushes.fetched(store, bytes("fetched"));

    store.close();
    open();

    assertThat(content(pushed)).isEqualTo(bytes("pushed"));
    assertThat(content(fetched)).isEqualTo(bytes("fetched"));
    assertThat(store.blobs().isLinked(NAME, pushed)).isTrue();
    assertThat(store.blobs().isLinked(NAME, fetched)).isFalse();
  }

  @Test
  void aBlobThatIsPushedTwiceIsStoredOnce() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    Pushes.blob(store, OTHER, bytes("content"));

    assertThat(store.blobs().isLinked(OTHER, digest)).isTrue();
    assertThat(files("blobs")).isEqualTo(1);
    assertThat(files("uploads")).isZero();
  }

  @Test
  void aLinkIsTakenFromOneRepositoryOnly() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    store.blobs().link(OTHER, digest, Origin.PUSHED);
    long version = store.repositories().version(NAME);

    assertThat(store.blobs().unlink(NAME, digest)).isTrue();
    assertThat(store.blobs().unlink(NAME, digest)).isFalse();

    assertThat(store.blobs().isLinked(NAME, digest)).isFalse();
    assertThat(store.blobs().isLinked(OTHER, digest)).isTrue();
    assertThat(content(digest)).isEqualTo(bytes("content"));
    assertThat(store.repositories().version(NAME)).isNotEqualTo(version);
  }

  @Test
  void whatIsNotThereIsEmpty() throws IOException {
    Digest digest = Digest.of(bytes("absent"));

    assertThat(store.blobs().size(digest)).isEmpty();
    assertThat(store.blobs().open(digest)).isEmpty();
  }

  @Test
  void aDownloadThatWasCutIsGoneOnWithAfterAReopen() throws IOException {
    byte[] content = bytes("0123456789");
    Digest digest = Digest.of(content);
    try (PartialBlob partial = store.blobs().partial(digest)) {
      partial.append(ByteBuffer.wrap(content, 0, 4), length -> {});
    }
    store.close();
    open();

    try (PartialBlob partial = store.blobs().partial(digest)) {
      partial.resume();
      assertThat(partial.length()).isEqualTo(4);
      assertThat(partial.isVerified()).isFalse();
      assertThat(store.blobs().size(digest)).isEmpty();
      partial.append(ByteBuffer.wrap(content, 4, 6), length -> {});
      assertThat(partial.isVerified()).isTrue();
      partial.commit();
    }

    assertThat(content(digest)).isEqualTo(content);
    assertThat(files("fills")).isZero();
  }

  @Test
  void aBlobWhoseFileIsGoneIsForgottenWhenItIsOpened() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    Files.delete(new Layout(directory).blob(digest));

    assertThat(store.blobs().open(digest)).isEmpty();
    assertThat(store.blobs().size(digest)).isEmpty();
  }

  @Test
  void aBlobWhoseFileHasAnotherSizeIsForgottenWhenItIsOpened() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    Files.write(new Layout(directory).blob(digest), bytes("conten"));

    assertThat(store.blobs().open(digest)).isEmpty();
    assertThat(store.blobs().size(digest)).isEmpty();
  }

  @Test
  void aPushBringsBackABlobWhoseFileWasLost() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    Files.delete(new Layout(directory).blob(digest));

    Pushes.blob(store, NAME, bytes("content"));

    assertThat(content(digest)).isEqualTo(bytes("content"));
  }

  @Test
  void anOpenBlobIsReadableUntilItsLastHolderReleasesIt() throws IOException {
    Digest digest = Pushes.blob(store, NAME, bytes("content"));
    Blob blob = store.blobs().open(digest).orElseThrow();
    assertThat(blob.retain()).isTrue();
    Files.delete(new Layout(directory).blob(digest));

    blob.release();
    assertThat(blob.readAll()).isEqualTo(bytes("content"));
    blob.release();

    assertThat(blob.retain()).isFalse();
    assertThatThrownBy(blob::readAll).isInstanceOf(ClosedChannelException.class);
  }

  private byte[] content(Digest digest) throws IOException {
    try (Blob blob = store.blobs().open(digest).orElseThrow()) {
      return blob.readAll();
    }
  }

  private long files(String part) throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve(part))) {
      return files.filter(Files::isRegularFile).count();
    }
  }
}
