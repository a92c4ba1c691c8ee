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
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoreTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final Duration DAY = Duration.ofDays(1);

  private final SetClock clock = new SetClock(Instant.now());
  @TempDir private Path directory;

  @Test
  void aDirectoryIsOpenedOnceAtATime() throws IOException {
    Store store = Store.open(directory, clock);
    assertThatThrownBy(() -> Store.open(directory, clock))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "another process (%d) has the store in %s open",
            ProcessHandle.current().pid(), directory);

    store.close();
    Store.open(directory, clock).close();
  }

  @Test
  void aDirectoryThatCannotBeMadeIsRefused() throws IOException {
    Path file = Files.write(directory.resolve("file"), bytes("x"));

    assertThatThrownBy(() -> Store.open(file.resolve("store"), clock))
        .isInstanceOf(IOException.class);
  }

  @Test
  void openingReadsNoContentAndListsNoBlobs() throws IOException {
    Digest lost;
    Digest kept;
    try (Store store = Store.open(directory, clock)) {
      lost = Pushes.blob(store, NAME, bytes("lost"));
      kept = Pushes.blob(store, NAME, bytes("kept"));
      Pushes.manifest(store, NAME, Pushes.image("1", Optional.empty(), lost), Origin.PUSHED, "v1");
    }
    Path shard = requireNonNull(new Layout(directory).blob(lost).getParent());
    remove(shard);
    Files.write(shard, bytes("where a directory was"));

    try (Store store = Store.open(directory, clock)) {
      assertThat(store.blobs().size(lost)).as("nobody has looked yet").hasValue(4);
      assertThat(store.repositories().tags(NAME, "", 9)).isEqualTo(List.of("v1"));
      try (Blob blob = store.blobs().open(kept).orElseThrow()) {
        assertThat(blob.readAll()).isEqualTo(bytes("kept"));
      }
      assertThatThrownBy(() -> store.blobs().open(lost)).isInstanceOf(IOException.class);
    }
  }

  @Test
  void oldDownloadsExpireUnlessTheyRun() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Digest idle = begun(store, "idle");
      Digest running = begun(store, "running");
      assertThat(store.expireFills(DAY, file -> false)).isZero();

      clock.advance(DAY.plusMinutes(1));
      String runningFile = "sha256-" + running.hex();
      assertThat(store.expireFills(DAY, runningFile::equals)).isEqualTo(1);

      assertThat(new Layout(directory).fill(idle)).doesNotExist();
      assertThat(new Layout(directory).fill(running)).exists();
    }
  }

  private static Digest begun(Store store, String text) throws IOException {
    Digest digest = Digest.of(bytes(text));
    try (PartialBlob partial = store.blobs().partial(digest)) {
      partial.append(ByteBuffer.wrap(bytes(text)), length -> {});
    }
    return digest;
  }

  private static void remove(Path directory) throws IOException {
    List<Path> files;
    try (Stream<Path> found = Files.walk(directory)) {
      files = found.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : files) {
      Files.delete(file);
    }
  }
}
