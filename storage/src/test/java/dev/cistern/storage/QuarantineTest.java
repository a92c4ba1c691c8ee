package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuarantineTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final Duration RETENTION = StorageLimits.NONE.quarantine();
  private static final int MAX_FILES = 1_000;

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;
  private Layout layout;
  private Store store;

  @BeforeEach
  void open() throws IOException {
    layout = new Layout(directory);
    store = Store.open(directory, clock);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  @Test
  void contentThatNoFactNamesIsSetAsideWithANote() throws IOException {
    Digest unknown = unknownContent("left");

    assertThat(store.sweep()).isEqualTo(1);

    assertThat(layout.blob(unknown)).doesNotExist();
    Path file = layout.quarantine().resolve("2026-11-01/sha256-" + unknown.hex());
    assertThat(file).hasContent("left");
    assertThat(Path.of(file + ".why"))
        .hasContent(
            "set aside: 2026-11-01T00:00:00Z\nfrom: blobs/sha256/"
                + unknown.hex().substring(0, 2)
                + "/"
                + unknown.hex()
                + "\nwhy: no fact names this content\n");
    Audit.counted(store, directory, "after it was set aside");
  }

  @Test
  void whatARemovalIsAboutToRemoveIsNotSetAside() throws Exception {
    Digest going = unknownContent("going");
    Digest unknown = unknownContent("left");
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Integer> sweep;
      try (var _ = store.blobs().removal()) {
        var begun = new CompletableFuture<Thread>();
        sweep =
            threads.submit(() -> {
              begun.complete(Thread.currentThread());
              return store.sweep();
            });
        Thread sweeper = begun.get();
        while (sweeper.getState() != Thread.State.WAITING) {
          Thread.onSpinWait();
        }
        store.blobs().removeFile(going, "going".length());
      }

      assertThat(sweep.get()).isEqualTo(1);
    }
    assertThat(quarantined()).containsExactly("sha256-" + unknown.hex());
  }

  @Test
  void uploadsAndFillsThatNothingKnowsAreSetAside() throws IOException {
    store.close();
    Files.write(layout.upload("f".repeat(32)), bytes("upload"));
    Files.write(layout.fills().resolve("stray"), bytes("fill"));
    open();
    Upload known = store.uploads().start(NAME, "somebody", Digest.Algorithm.SHA256);
    Pushes.append(known, bytes("known"));

    assertThat(store.sweep()).isEqualTo(2);

    assertThat(quarantined()).containsExactly("fill-stray", "upload-" + "f".repeat(32));
    assertThat(known.length()).isEqualTo(5);
    Audit.counted(store, directory, "after they were set aside");
  }

  @Test
  void aSweepSetsAsideAsManyAsItsBound() throws IOException {
    for (int i = 0; i < MAX_FILES; i++) {
      unknownContent("left " + i);
    }

    assertThat(store.sweep()).isEqualTo(MAX_FILES);
    assertThat(store.isDoubtful()).isFalse();
  }

  @Test
  void aSweepBeyondItsBoundSetsNoneAsideAndSaysSo() throws IOException {
    for (int i = 0; i <= MAX_FILES; i++) {
      unknownContent("left " + i);
    }

    assertThat(store.sweep()).isZero();
    assertThat(store.isDoubtful()).isTrue();
    assertThat(files("blobs")).isEqualTo(MAX_FILES + 1);

    Files.delete(layout.blob(Digest.of(bytes("left 0"))));
    assertThat(store.sweep()).isEqualTo(MAX_FILES);
    assertThat(store.isDoubtful()).isFalse();
  }

  @Test
  void aDownloadTakesBackContentThatLiesWhole() throws IOException {
    Digest digest = unknownContent("left");
    store.sweep();
    store.close();
    open();

    try (PartialBlob partial = store.blobs().partial(digest)) {
      assertThat(partial.takeBack()).isTrue();
    }

    assertThat(store.blobs().open(digest).orElseThrow().readAll()).isEqualTo(bytes("left"));
    assertThat(quarantined()).isEmpty();
    Files.delete(layout.fill(digest));
    Audit.counted(store, directory, "after it was taken back");
  }

  @Test
  void aDownloadDoesNotTakeBackDamagedContent() throws IOException {
    Digest digest = unknownContent("left");
    Files.write(layout.blob(digest), bytes("lefT"));
    store.sweep();

    try (PartialBlob partial = store.blobs().partial(digest)) {
      assertThat(partial.takeBack()).isFalse();
      partial.append(ByteBuffer.wrap(bytes("left")), length -> {});
      partial.commit();
    }

    assertThat(store.blobs().open(digest).orElseThrow().readAll()).isEqualTo(bytes("left"));
    assertThat(quarantined()).containsExactly("sha256-" + digest.hex());
  }

  @Test
  void aWholeCopyIsFoundBesideADamagedOne() throws IOException {
    Digest digest = unknownContent("left");
    Files.write(layout.blob(digest), bytes("lefT"));
    store.sweep();
    unknownContent("left");
    store.sweep();

    try (PartialBlob partial = store.blobs().partial(digest)) {
      assertThat(partial.takeBack()).isTrue();
    }

    assertThat(quarantined()).containsExactly("sha256-" + digest.hex());
  }

  @Test
  void aWholeCopyIsFoundWhoseNeighborIsGone() throws IOException {
    Digest digest = unknownContent("left");
    Files.write(layout.blob(digest), bytes("lefT"));
    store.sweep();
    unknownContent("left");
    store.sweep();
    String first = "sha256-" + digest.hex();
    try (var files = Files.walk(layout.quarantine())) {
      for (Path file : files.filter(each -> each.endsWith(first)).toList()) {
        Files.delete(file);
      }
    }

    try (PartialBlob partial = store.blobs().partial(digest)) {
      assertThat(partial.takeBack()).isTrue();
    }
  }

  @Test
  void filesExpireAfterTheRetention() throws IOException {
    unknownContent("left");
    store.sweep();
    clock.advance(RETENTION);
    assertThat(store.expireQuarantine()).as("on the day itself it may be younger").isZero();

    clock.advance(Duration.ofDays(1));
    assertThat(store.expireQuarantine()).isEqualTo(1);

    assertThat(files("quarantine")).isZero();
    assertThat(store.quarantineBytes()).isZero();
    Audit.counted(store, directory, "after the retention");
  }

  @Test
  void aDateInTheFutureCountsAsToday() throws IOException {
    unknownContent("left");
    clock.advance(Duration.ofDays(365));
    store.sweep();
    clock.advance(Duration.ofDays(-365));

    assertThat(store.expireQuarantine()).isZero();
    assertThat(layout.quarantine().resolve("2026-11-01")).isDirectory();
    clock.advance(RETENTION.plusDays(1));
    assertThat(store.expireQuarantine()).isEqualTo(1);
  }

  @Test
  void reservedFilesAndThoseWithoutANoteStayUntilTheQuarantineIsEmptied() throws IOException {
    store.close();
    var space = new Space(Files.getFileStore(directory), StorageLimits.NONE, clock);
    Quarantine quarantine = Quarantine.open(layout, space, clock, RETENTION);
    Path damaged = Files.write(layout.uploads().resolve("damaged"), bytes("damaged"));
    quarantine.setAside(damaged, "damaged", "it is damaged", Quarantine.Retention.RESERVED);
    Files.write(layout.quarantine().resolve("2026-11-01/stray"), bytes("stray"));
    clock.advance(RETENTION.multipliedBy(2));
    open();

    assertThat(store.expireQuarantine()).isZero();
    assertThat(quarantined()).containsExactly("damaged", "stray");

    assertThat(store.emptyQuarantine()).isEqualTo(2);
    assertThat(files("quarantine")).isZero();
    assertThat(store.quarantineBytes()).isZero();
  }

  private Digest unknownContent(String text) throws IOException {
    Digest digest = Digest.of(bytes(text));
    layout.createBlobDirectory(digest);
    Files.write(layout.blob(digest), bytes(text));
    return digest;
  }

  private List<String> quarantined() throws IOException {
    try (Stream<Path> files = Files.walk(layout.quarantine())) {
      return files
          .filter(Files::isRegularFile)
          .map(file -> String.valueOf(file.getFileName()))
          .filter(name -> !name.endsWith(".why"))
          .sorted()
          .toList();
    }
  }

  private long files(String part) throws IOException {
    try (Stream<Path> files = Files.walk(directory.resolve(part))) {
      return files.filter(Files::isRegularFile).count();
    }
  }
}
