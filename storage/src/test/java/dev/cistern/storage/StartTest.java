package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a start does with a data directory of which a part is missing, damaged or foreign. */
class StartTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final int BLOBS = 20;

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path temporary;

  /** A store as it was. */
  private Path good;

  /** The same store, of which something is damaged. */
  private Path data;

  /** How it is damaged; the part that has to be put back; and what the message has. */
  enum Damage {
    INDEX_MISSING("index", "index is missing, but 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("index"));
      }
    },
    INDEX_IS_AN_EMPTY_MOUNT_POINT("index", "index is missing, but 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("index"));
        Files.createDirectories(test.data.resolve("index/lost+found"));
      }
    },
    INDEX_AND_BLOBS_MISSING("index", "index is missing; nothing was changed") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("index"));
        remove(test.data.resolve("blobs"));
      }
    },
    INDEX_AND_MARKER_MISSING("index", "index is missing, but 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("index"));
        Files.delete(test.data.resolve("store.json"));
      }
    },
    INDEX_OF_ANOTHER_STORE("index", "index belongs to another store, but 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        test.replaceByAnother("index");
      }
    },
    NEW_INDEX("index", "index is empty, but 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("index"));
        Files.delete(test.data.resolve("store.json"));
        Files.delete(test.data.resolve("acknowledged"));
        Files.createDirectories(test.data.resolve("index"));
        Index.open(test.data.resolve("index")).close();
        Files.delete(test.data.resolve("acknowledged"));
      }
    },
    INDEX_OLDER_THAN_THE_REST("index", "acknowledged changes; nothing was changed") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("index"));
        copy(test.temporary.resolve("older"), test.data.resolve("index"));
      }
    },
    BLOBS_MISSING("blobs", "index has facts of 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("blobs"));
      }
    },
    BLOBS_IS_AN_EMPTY_MOUNT_POINT("blobs", "index has facts of 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        remove(test.data.resolve("blobs"));
        Files.createDirectories(test.data.resolve("blobs/lost+found"));
      }
    },
    LOG_MISSING("index", "acknowledged changes; nothing was changed") {
      @Override
      void apply(StartTest test) throws IOException {
        Files.delete(test.log());
      }
    },
    LOG_EMPTY("index", ".log ends at byte 0, before the last ") {
      @Override
      void apply(StartTest test) throws IOException {
        Files.write(test.log(), new byte[0]);
      }
    },
    LOG_CUT_BY_A_BYTE("index", "acknowledged changes; nothing was changed") {
      @Override
      void apply(StartTest test) throws IOException {
        byte[] log = Files.readAllBytes(test.log());
        Files.write(test.log(), Arrays.copyOf(log, log.length - 1));
      }
    },
    LOG_CUT_IN_THE_MIDDLE("index", "acknowledged changes; nothing was changed") {
      @Override
      void apply(StartTest test) throws IOException {
        byte[] log = Files.readAllBytes(test.log());
        Files.write(test.log(), Arrays.copyOf(log, log.length / 2));
      }
    },
    LOG_BIT_IN_THE_FIRST_RECORD("index", ".log is damaged at byte 0;") {
      @Override
      void apply(StartTest test) throws IOException {
        flip(test.log(), 9);
      }
    },
    LOG_BIT_IN_THE_MIDDLE("index", ".log is damaged at byte ") {
      @Override
      void apply(StartTest test) throws IOException {
        flip(test.log(), Files.size(test.log()) / 2);
      }
    },
    LOG_BIT_IN_THE_LAST_RECORD("index", ".log is damaged at byte ") {
      @Override
      void apply(StartTest test) throws IOException {
        flip(test.log(), Files.size(test.log()) - 1);
      }
    },
    TABLE_MISSING("index", "index is damaged: ") {
      @Override
      void apply(StartTest test) throws IOException {
        Files.delete(test.file("\\d+\\.sst"));
      }
    },
    TABLE_CUT("index", "index is damaged: ") {
      @Override
      void apply(StartTest test) throws IOException {
        Path table = test.file("\\d+\\.sst");
        byte[] content = Files.readAllBytes(table);
        Files.write(table, Arrays.copyOf(content, content.length / 2));
      }
    },
    MANIFEST_MISSING("index", "index is damaged: ") {
      @Override
      void apply(StartTest test) throws IOException {
        Files.delete(test.file("MANIFEST-.*"));
      }
    },
    MANIFEST_BIT("index", "index is damaged: ") {
      @Override
      void apply(StartTest test) throws IOException {
        flip(test.file("MANIFEST-.*"), 20);
      }
    },
    CURRENT_MISSING("index", "index is damaged: ") {
      @Override
      void apply(StartTest test) throws IOException {
        Files.delete(test.file("CURRENT"));
      }
    },
    MARKER_OF_ANOTHER_STORE("store.json", "index belongs to another store, but 20 blobs (") {
      @Override
      void apply(StartTest test) throws IOException {
        test.replaceByAnother("store.json");
      }
    },
    MARKER_CUT("store.json", "store.json is damaged; nothing was changed") {
      @Override
      void apply(StartTest test) throws IOException {
        Files.write(test.data.resolve("store.json"), bytes("{\"format\":2"));
      }
    },
    MARKER_WITH_NO_UUID("store.json", "store.json is damaged; nothing was changed") {
      @Override
      void apply(StartTest test) throws IOException {
        Path marker = test.data.resolve("store.json");
        Files.writeString(
            marker, Files.readString(marker).replaceAll("[0-9a-f-]{36}", "-".repeat(36)));
      }
    },
    MARKER_OF_A_NEWER_FORMAT("store.json", "a newer Cistern wrote ") {
      @Override
      void apply(StartTest test) throws IOException {
        Path marker = test.data.resolve("store.json");
        Files.writeString(marker, Files.readString(marker).replace("\"format\":2", "\"format\":3"));
      }
    };

    private final String part;
    private final String message;

    Damage(String part, String message) {
      this.part = part;
      this.message = message;
    }

    abstract void apply(StartTest test) throws IOException;
  }

  /** A loss that costs nothing of what was acknowledged. */
  enum Harmless {
    MARKER_MISSING("store.json", true),
    LOG_END_MISSING("acknowledged", true),
    LOG_END_CUT("acknowledged", false);

    private final String file;
    private final boolean isRemoved;

    Harmless(String file, boolean isRemoved) {
      this.file = file;
      this.isRemoved = isRemoved;
    }
  }

  @BeforeEach
  void makeStore() throws IOException {
    good = temporary.resolve("good");
    data = temporary.resolve("data");
    try (Store store = Store.open(good, clock)) {
      for (int i = 0; i < BLOBS / 2; i++) {
        Pushes.blob(store, NAME, content(i));
      }
    }
    copy(good.resolve("index"), temporary.resolve("older"));
    try (Store store = Store.open(good, clock)) {
      for (int i = BLOBS / 2; i < BLOBS; i++) {
        Pushes.blob(store, NAME, content(i));
      }
      Pushes.manifest(store, NAME, image(), Origin.PUSHED, "v1");
    }
    copy(good, data);
  }

  @ParameterizedTest
  @EnumSource
  void aDamagedStoreIsRefusedAndNothingIsLostWhenThePartIsPutBack(Damage damage)
      throws IOException {
    damage.apply(this);

    for (int attempt = 0; attempt < 2; attempt++) {
      assertThatThrownBy(() -> Store.open(data, clock))
          .as("attempt %d", attempt)
          .isInstanceOf(StoreRefusedException.class)
          .hasMessageContaining(damage.message)
          .hasMessageStartingWith(damage.message.startsWith("a ") ? "a newer" : data.toString());
    }

    for (String part : List.of(damage.part, "store.json", "blobs")) {
      remove(data.resolve(part));
      copy(good.resolve(part), data.resolve(part));
    }
    assertAllIsThere();
  }

  @ParameterizedTest
  @EnumSource
  void aStoreStartsWithoutAPartThatCanBeMadeAgain(Harmless loss) throws IOException {
    Path file = data.resolve(loss.file);
    if (loss.isRemoved) {
      Files.delete(file);
    } else {
      Files.write(file, Arrays.copyOf(Files.readAllBytes(file), 9));
    }

    assertAllIsThere();
    assertThat(file).exists();
    assertAllIsThere();
  }

  @Test
  void logIsRefusedByItsPartAlsoAfterItIsPutBackAlone() throws IOException {
    Path log = log();
    byte[] whole = Files.readAllBytes(log);
    Files.write(log, Arrays.copyOf(whole, whole.length / 2));
    assertThatThrownBy(() -> Store.open(data, clock)).isInstanceOf(StoreRefusedException.class);

    Files.write(log, whole);

    assertAllIsThere();
  }

  @Test
  void aNewDirectoryGetsAnIdThatTheIndexHasToo() throws IOException {
    Path fresh = temporary.resolve("fresh");
    Store.open(fresh, clock).close();

    String marker = Files.readString(fresh.resolve("store.json"));
    try (Index index = Index.open(fresh.resolve("index"))) {
      assertThat(marker)
          .matches("\\{\"format\":2,\"id\":\"[0-9a-f-]{36}\",\"version\":\"[^\"]+\"}\n")
          .contains(StartCheck.idOf(index).orElseThrow().toString());
    }
  }

  @Test
  void aStoreOfTheFirstReleaseGetsAnId() throws IOException {
    Files.delete(data.resolve("store.json"));
    Files.delete(data.resolve("acknowledged"));
    try (Index index = Index.open(data.resolve("index"))) {
      index.write(
          Index.Durability.SYNCED,
          batch -> {
            batch.delete(Keys.family(Keys.STORE));
            return true;
          });
    }
    Files.delete(data.resolve("acknowledged"));

    assertAllIsThere();
    assertThat(data.resolve("store.json")).exists();
  }

  @Test
  void anIncompleteLastRecordThatWasNotAcknowledgedIsNoDamage() throws IOException {
    Path log = log();
    byte[] whole = Files.readAllBytes(log);
    byte[] more = Arrays.copyOf(whole, whole.length + 40);
    System.arraycopy(whole, 0, more, whole.length, 40); // begins like a record that goes on
    Files.write(log, Arrays.copyOf(more, whole.length + 20));

    assertAllIsThere();
  }

  @Test
  void aRepairOpensToTheLastGoodRecordAndDeletesNoContent() throws IOException {
    flip(log(), Files.size(log()) / 2);

    try (Store store = repaired(true)) {
      assertThat(store.isDoubtful()).isTrue();
      assertThat(files(data.resolve("blobs"))).isEqualTo(BLOBS);
      assertThat(store.sweep()).isZero();
      assertThat(store.blobs().size(Digest.of(content(0)))).isPresent();
    }
    try (Store store = Store.open(data, clock)) {
      assertThat(store.isDoubtful()).as("until it was checked").isTrue();
      Digest removed = Digest.of(content(0));
      store.blobs().unlink(NAME, removed);
      assertThat(store.discard(removed)).isTrue();
      assertThat(files(data.resolve("blobs")) + files(data.resolve("quarantine")) / 2)
          .isEqualTo(BLOBS);
      store.check(new StoreCheck.Order(false, OptionalLong.empty(), true), new Findings());
      assertThat(store.isDoubtful()).isFalse();
    }
  }

  @Test
  void aFullStoreThatWasRepairedMovesNothingToTheQuarantineToMakeRoom() throws IOException {
    flip(log(), Files.size(log()) / 2);
    repaired(true).close();
    long files = files(data.resolve("blobs"));
    var full = new StorageLimits(OptionalLong.of(1 << 20), OptionalLong.of(0), Duration.ofHours(1));

    try (Store store = Store.open(data, full, clock)) {
      for (int i = 0; i < 3; i++) {
        Upload upload = store.uploads().start(NAME, "somebody", Digest.Algorithm.SHA256);
        assertThatThrownBy(() -> Pushes.append(upload, new byte[2 << 20]))
            .isInstanceOf(StoreFullException.class);
      }
      assertThat(files(data.resolve("blobs"))).isEqualTo(files);
      assertThat(files(data.resolve("quarantine"))).isZero();
    }
  }

  @Test
  void aRepairOpensAnIndexWithoutItsLog() throws IOException {
    Files.delete(log());

    try (Store store = repaired(false)) {
      assertThat(store.blobs().size(Digest.of(content(0)))).isPresent();
    }
    Store.open(data, clock).close();
  }

  @Test
  void adoptedContentIsTakenBackByADownload() throws IOException {
    remove(data.resolve("index"));
    Digest damaged = Digest.of(content(1));
    flip(new Layout(data).blob(damaged), 0);

    var read = new long[1];
    Adoption adoption = Adoption.adopt(data, StorageLimits.NONE, clock, bytes -> read[0] += bytes);

    assertThat(adoption.blobs()).isEqualTo(BLOBS - 1);
    assertThat(adoption.damaged()).isEqualTo(1);
    assertThat(read[0]).isEqualTo(adoption.bytes() + content(1).length);
    try (Store store = Store.open(data, clock)) {
      for (int i = 0; i < BLOBS; i++) {
        Digest digest = Digest.of(content(i));
        assertThat(store.blobs().size(digest)).isEmpty();
        try (PartialBlob partial = store.blobs().partial(digest)) {
          assertThat(partial.takeBack()).isEqualTo(i != 1);
          partial.discard();
        }
      }
      assertThat(store.blobs().open(Digest.of(content(0))).orElseThrow().readAll())
          .isEqualTo(content(0));
      assertThat(store.sweep()).isZero();
    }
    assertThatThrownBy(() -> Adoption.adopt(data, StorageLimits.NONE, clock, bytes -> {}))
        .isInstanceOf(StoreRefusedException.class)
        .hasMessageContaining("index is not empty; nothing was changed");
  }

  private Store repaired(boolean hasUnread) throws IOException {
    Store.Repaired repaired = Store.repair(data, StorageLimits.NONE, clock);
    assertThat(repaired.lostChanges()).isPositive();
    assertThat(repaired.unreadBytes() > 0).isEqualTo(hasUnread);
    return repaired.store();
  }

  private void assertAllIsThere() throws IOException {
    try (Store store = Store.open(data, clock)) {
      for (int i = 0; i < BLOBS; i++) {
        Digest digest = Digest.of(content(i));
        assertThat(store.blobs().isLinked(NAME, digest)).isTrue();
        try (Blob blob = store.blobs().open(digest).orElseThrow()) {
          assertThat(blob.readAll()).isEqualTo(content(i));
        }
      }
      assertThat(store.repositories().manifest(NAME, Digest.of(image()))).isPresent();
      assertThat(store.sweep()).isZero();
    }
  }

  private static byte[] content(int i) {
    return bytes(("content " + i + " ").repeat(200));
  }

  private static byte[] image() {
    return Pushes.image("1", Optional.empty(), Digest.of(content(0)), Digest.of(content(1)));
  }

  private void replaceByAnother(String part) throws IOException {
    Path another = temporary.resolve("another");
    try (Store store = Store.open(another, clock)) {
      Pushes.blob(store, NAME, bytes("another"));
    }
    remove(data.resolve(part));
    copy(another.resolve(part), data.resolve(part));
    if (part.equals("index")) {
      Files.delete(data.resolve("acknowledged"));
    }
  }

  private Path log() throws IOException {
    return file("\\d+\\.log");
  }

  /** Returns the last file of the index with such a name. */
  private Path file(String name) throws IOException {
    return Layout.list(data.resolve("index")).stream()
        .filter(file -> String.valueOf(file.getFileName()).matches(name))
        .max(Comparator.naturalOrder())
        .orElseThrow();
  }

  private static void flip(Path file, long at) throws IOException {
    byte[] content = Files.readAllBytes(file);
    content[(int) at] ^= 1;
    Files.write(file, content);
  }

  private static long files(Path directory) throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      return files.filter(Files::isRegularFile).count();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Files.copy(file, to.resolve(from.relativize(file).toString()));
      }
    }
  }

  private static void remove(Path path) throws IOException {
    if (Files.notExists(path)) {
      return;
    }
    List<Path> files;
    try (Stream<Path> found = Files.walk(path)) {
      files = found.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path file : files) {
      Files.delete(file);
    }
  }
}
