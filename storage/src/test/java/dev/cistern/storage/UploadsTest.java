package dev.cistern.storage;

import static dev.cistern.storage.Pushes.append;
import static dev.cistern.storage.Pushes.bytes;
import static dev.cistern.storage.Pushes.finish;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class UploadsTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final RepositoryName OTHER = new RepositoryName("a/b-c");
  private static final int MANY = 2000;
  private static final Duration DAY = Duration.ofDays(1);

  /** Starts now, since the files' own times are the disk's. */
  private final SetClock clock = new SetClock(Instant.now());

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
  void anUploadBelongsToItsRepositoryAndWhoStartedIt() throws IOException {
    Upload upload = start();

    assertThat(upload.id()).matches("[0-9a-f]{32}");
    assertThat(store.uploads().find(NAME, "somebody", upload.id())).contains(upload);
    assertThat(store.uploads().find(OTHER, "somebody", upload.id())).isEmpty();
    assertThat(store.uploads().find(NAME, "another", upload.id())).isEmpty();
    assertThat(store.uploads().find(NAME, "somebody", "0".repeat(32))).isEmpty();
  }

  @Test
  void anUploadIsGoneOnWithAfterAReopen() throws IOException {
    String id = start("0123").id();
    store.close();
    open();

    assertThat(store.uploads().find(OTHER, "somebody", id)).isEmpty();
    assertThat(store.uploads().find(NAME, "another", id)).isEmpty();
    Upload upload = store.uploads().find(NAME, "somebody", id).orElseThrow();
    assertThat(upload.length()).isEqualTo(4);
    append(upload, bytes("456789"));
    Digest digest = Digest.of(bytes("0123456789"));
    finish(upload, digest);

    assertThat(content(digest)).isEqualTo(bytes("0123456789"));
    assertThat(store.uploads().find(NAME, "somebody", id)).isEmpty();
    assertThat(files()).isZero();
  }

  @Test
  void anUploadMayEndWithAnotherAlgorithmThanItBeganWith() throws IOException {
    Upload upload = start("content");
    Digest digest = Digest.of(Digest.Algorithm.SHA512, bytes("content"));

    finish(upload, digest);

    assertThat(content(digest)).isEqualTo(bytes("content"));
  }

  @Test
  void anUploadThatEndsWithAWrongDigestIsRemoved() throws IOException {
    Upload upload = start("content");

    assertThatThrownBy(() -> finish(upload, Digest.of(bytes("other"))))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DIGEST_INVALID));

    assertThat(store.uploads().find(NAME, "somebody", upload.id())).isEmpty();
    assertThat(store.blobs().size(Digest.of(bytes("content")))).isEmpty();
    assertThat(files()).isZero();
  }

  @Test
  void anUploadThatIsCancelledIsRemovedForGood() throws IOException {
    Upload upload = start("content");

    upload.cancel();
    store.close();
    open();

    assertThat(store.uploads().find(NAME, "somebody", upload.id())).isEmpty();
    assertThat(files()).isZero();
  }

  @Test
  void onlyOneRequestHoldsAnUpload() throws IOException {
    Upload upload = start();

    try (Upload.Hold hold = upload.hold()) {
      assertThatThrownBy(upload::hold)
          .isInstanceOfSatisfying(OciException.class, e -> assertThat(e.status()).isEqualTo(409));
    }
    upload.hold().close();
  }

  @Test
  void anUploadExpiresWhenNothingCameForAWhile() throws IOException {
    String open = start("open").id();
    store.close();
    open();
    String begun = start("begun").id();
    clock.advance(DAY.minusMinutes(1));
    assertThat(store.uploads().expire(DAY)).isZero();
    assertThat(store.uploads().find(NAME, "somebody", begun)).isPresent();

    clock.advance(Duration.ofMinutes(2));
    assertThat(store.uploads().expire(DAY)).isEqualTo(2);

    assertThat(store.uploads().find(NAME, "somebody", open)).isEmpty();
    assertThat(store.uploads().find(NAME, "somebody", begun)).isEmpty();
    assertThat(files()).isZero();
  }

  @Test
  void anUploadThatIsHeldDoesNotExpire() throws IOException {
    Upload upload = start("content");
    clock.advance(DAY.multipliedBy(2));

    try (Upload.Hold hold = upload.hold()) {
      assertThat(store.uploads().expire(DAY)).isZero();
    }
    assertThat(store.uploads().expire(DAY)).isEqualTo(1);
  }

  @Test
  void aFileThatBelongsToNoUploadIsSweptAndTheOthersStay() throws IOException {
    Upload upload = start("content");
    Path leftover = Files.write(new Layout(directory).upload("f".repeat(32)), bytes("x"));

    store.sweep();

    assertThat(leftover).doesNotExist();
    assertThat(store.uploads().find(NAME, "somebody", upload.id())).isPresent();
    assertThat(files()).isEqualTo(1);
  }

  @Test
  void anUploadWhoseFileWasMovedBeforeTheIndexKnewIsFinishedByTheNextTry() throws IOException {
    Upload upload = start("content");
    Digest digest = Digest.of(bytes("content"));
    var layout = new Layout(directory);
    Files.createDirectories(layout.blob(digest).getParent());
    Files.move(layout.upload(upload.id()), layout.blob(digest));

    finish(upload, digest);

    assertThat(content(digest)).isEqualTo(bytes("content"));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void anyNumberMayBeInProgressAndFewFilesAreOpen() throws IOException {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      ids.add(start("begun " + i).id());
    }

    assertThat(openFiles()).isBetween(1L, 500L);
    for (int i = 0; i < MANY; i += MANY / 20) {
      Upload upload = store.uploads().find(NAME, "somebody", ids.get(i)).orElseThrow();
      assertThat(upload.length()).isEqualTo(("begun " + i).length());
      append(upload, bytes(", ended"));
      finish(upload, Digest.of(bytes("begun " + i + ", ended")));
    }
    clock.advance(DAY.multipliedBy(2));
    assertThat(store.uploads().expire(DAY)).isEqualTo(MANY - 20);
    assertThat(openFiles()).isZero();
    assertThat(files()).isZero();
  }

  @Test
  void whoHoldsAnUploadThatIsCancelledIsTold() throws IOException {
    Upload upload = start("content");

    try (Upload.Hold hold = upload.hold()) {
      upload.cancel();
      assertUnknown(() -> hold.append(ByteBuffer.wrap(bytes("more"))));
      assertUnknown(() -> hold.finish(Digest.of(bytes("content"))));
    }
    assertUnknown(upload::hold);
    assertThat(files()).isZero();
  }

  private static void assertUnknown(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.BLOB_UPLOAD_UNKNOWN));
  }

  /** Returns how many files of uploads this process has open. */
  private long openFiles() throws IOException {
    Path uploads = directory.toRealPath().resolve("uploads");
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.filter(link -> isIn(uploads, link)).count();
    }
  }

  private static boolean isIn(Path directory, Path link) {
    try {
      return Files.readSymbolicLink(link).startsWith(directory);
    } catch (NoSuchFileException closed) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Upload start(String... parts) throws IOException {
    Upload upload = store.uploads().start(NAME, "somebody", Digest.Algorithm.SHA256);
    for (String part : parts) {
      append(upload, bytes(part));
    }
    return upload;
  }

  private byte[] content(Digest digest) throws IOException {
    try (Blob blob = store.blobs().open(digest).orElseThrow()) {
      return blob.readAll();
    }
  }

  private long files() throws IOException {
    try (Stream<Path> files = Files.list(directory.resolve("uploads"))) {
      return files.count();
    }
  }
}
