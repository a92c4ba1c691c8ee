package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.ManifestFact;
import dev.cistern.storage.Facts.ObjectFact;
import dev.cistern.storage.Facts.TagFact;
import dev.cistern.storage.Facts.UploadFact;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class StoreCheckTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");
  private static final RepositoryName CACHED = new RepositoryName("up/x");
  private static final byte[] CONTENT = bytes("content");
  private static final StoreCheck.Order LOOK =
      new StoreCheck.Order(false, OptionalLong.empty(), false);
  private static final StoreCheck.Order READ =
      new StoreCheck.Order(true, OptionalLong.empty(), false);
  private static final StoreCheck.Order REPAIR =
      new StoreCheck.Order(true, OptionalLong.empty(), true);

  private final SetClock clock = new SetClock(Instant.now());
  private final List<Digest> refetched = new ArrayList<>();
  @TempDir private Path directory;
  private Store store;

  @BeforeEach
  void open() throws IOException {
    store = Store.open(directory, clock);
    Digest layer = Pushes.blob(store, NAME, bytes("layer"));
    Digest empty = Pushes.blob(store, NAME, new byte[0]);
    assertThat(empty).isNotNull();
    Digest image =
        Pushes.manifest(
            store, NAME, Pushes.image("1", Optional.empty(), layer), Origin.PUSHED, "v1");
    Pushes.manifest(store, NAME, Pushes.image("signature", Optional.of(image)), Origin.PUSHED);
    Pushes.pulled(store, CACHED, "v1", bytes("cached layer"));
    store.uploads().start(NAME, "somebody", Digest.Algorithm.SHA256);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  /** Something wrong with a store, and what is left to do after a repair. */
  enum Fault {
    LOST_PUSHED(FindingKind.MISSING_CONTENT, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.delete(test.file(Pushes.blob(test.store, NAME, CONTENT)));
      }
    },
    LOST_CACHED(FindingKind.MISSING_CONTENT, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.delete(test.file(test.cached()));
      }
    },
    CUT_PUSHED(FindingKind.WRONG_SIZE, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.write(test.file(Pushes.blob(test.store, NAME, CONTENT)), bytes("conten"));
      }
    },
    CUT_CACHED(FindingKind.WRONG_SIZE, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.write(test.file(test.cached()), bytes("conten"));
      }
    },
    FLIPPED_PUSHED(FindingKind.WRONG_DIGEST, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.write(test.file(Pushes.blob(test.store, NAME, CONTENT)), bytes("c0ntent"));
      }
    },
    FLIPPED_CACHED(FindingKind.WRONG_DIGEST, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.write(test.file(test.cached()), bytes("c4ched layer"));
      }
    },
    FLIPPED_MANIFEST(FindingKind.WRONG_DIGEST, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Digest image =
            Pushes.manifest(
                test.store, NAME, Pushes.image("flipped", Optional.empty()), Origin.PUSHED);
        byte[] key = Keys.manifest(image);
        test.change(index -> {
          byte[] value = requireNonNull(index.get(key)).clone();
          value[value.length - 3] ^= 1;
          put(index, key, value);
        });
      }
    },
    FOREIGN_FILE(FindingKind.UNKNOWN_CONTENT, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.writeString(
            test.file(Digest.of(bytes("layer"))).resolveSibling("notes.txt"), "foreign");
      }
    },
    CONTENT_WITHOUT_FACT(FindingKind.UNKNOWN_CONTENT, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Path file = test.file(Digest.of(bytes("unknown")));
        Files.createDirectories(requireNonNull(file.getParent()));
        Files.write(file, bytes("unknown"));
      }
    },
    MISSING_BLOB_OF_PUSHED(FindingKind.MISSING_CHILD, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Pushes.manifest(
            test.store,
            NAME,
            Pushes.image("m", Optional.empty(), Digest.of(bytes("never pushed"))),
            Origin.PUSHED);
      }
    },
    MISSING_CHILD_OF_PUSHED(FindingKind.MISSING_CHILD, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Pushes.manifest(
            test.store,
            NAME,
            Pushes.index("m", Optional.empty(), Digest.of(bytes("never pushed"))),
            Origin.PUSHED);
      }
    },
    DANGLING_PUSHED_TAG(FindingKind.DANGLING_TAG, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        test.tag(Origin.PUSHED, test.clock.instant(), Digest.of(bytes("nowhere")));
      }
    },
    DANGLING_CACHED_TAG(FindingKind.DANGLING_TAG, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        test.tag(Origin.CACHED, test.clock.instant(), Digest.of(bytes("nowhere")));
      }
    },
    DANGLING_PUSHED_LINK(FindingKind.DANGLING_LINK, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        byte[] fact = new LinkFact(Origin.PUSHED, test.clock.instant()).encoded();
        test.change(index -> put(index, Keys.blobLink(NAME, Digest.of(bytes("nowhere"))), fact));
      }
    },
    DANGLING_CACHED_LINK(FindingKind.DANGLING_LINK, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        byte[] fact = new LinkFact(Origin.CACHED, test.clock.instant()).encoded();
        test.change(
            index -> put(index, Keys.manifestLink(NAME, Digest.of(bytes("nowhere"))), fact));
      }
    },
    DANGLING_REFERRER(FindingKind.DANGLING_REFERRER, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        byte[] key = Keys.referrer(NAME, Digest.of(bytes("subject")), Digest.of(bytes("nowhere")));
        test.change(index -> put(index, key, new byte[] {1}));
      }
    },
    UNREADABLE_OBJECT(FindingKind.UNREADABLE_OBJECT, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        byte[] key = Keys.object(new ObjectName("ImageStream", "team", "x"));
        test.change(index -> put(index, key, new ObjectFact(1, bytes("{\"a\"")).encoded()));
      }
    },
    UNREADABLE_FACT(FindingKind.UNREADABLE_OBJECT, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        byte[] key = Keys.tag(NAME, new Tag("unreadable"));
        test.change(index -> put(index, key, new byte[] {1, 2}));
      }
    },
    UNREADABLE_MANIFEST(FindingKind.UNREADABLE_OBJECT, false) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        byte[] text = bytes("[]");
        Digest digest = Digest.of(text);
        Instant now = test.clock.instant();
        byte[] link = new LinkFact(Origin.CACHED, now).encoded();
        test.change(index -> {
          put(
              index,
              Keys.manifest(digest),
              new ManifestFact(MediaType.OCI_IMAGE, now, now, text).encoded());
          put(index, Keys.manifestLink(NAME, digest), link);
          put(index, Keys.keeper(digest, NAME), new byte[0]);
        });
      }
    },
    OLD_UPLOAD(FindingKind.STALE_UPLOAD, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Instant old = test.clock.instant().minus(Duration.ofDays(2));
        byte[] fact = new UploadFact(NAME, Digest.Algorithm.SHA256, old, "somebody").encoded();
        test.change(index -> put(index, Keys.upload("0123456789abcdef"), fact));
      }
    },
    UPLOAD_WITHOUT_FACT(FindingKind.STALE_UPLOAD, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Files.write(test.directory.resolve("uploads/0123"), CONTENT);
      }
    },
    OLD_FILL(FindingKind.STALE_UPLOAD, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Path file = new Layout(test.directory).fill(Digest.of(CONTENT));
        Files.write(file, bytes("con"));
        Files.setLastModifiedTime(
            file, FileTime.from(test.clock.instant().minus(Duration.ofDays(2))));
      }
    },
    WRONG_SUM(FindingKind.WRONG_SUM, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        test.change(index -> put(index, Keys.family(Keys.BLOB_BYTES), Blobs.bytes(1)));
      }
    },
    FUTURE_BLOB(FindingKind.FUTURE_TIME, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Digest digest = Pushes.blob(test.store, NAME, CONTENT);
        Instant future = test.clock.instant().plus(Duration.ofDays(365));
        byte[] fact = new BlobFact(CONTENT.length, future, future).encoded();
        test.change(index -> put(index, Keys.blob(digest), fact));
      }
    },
    FUTURE_TAG(FindingKind.FUTURE_TIME, true) {
      @Override
      void plant(StoreCheckTest test) throws IOException {
        Instant future = test.clock.instant().plus(Duration.ofDays(365));
        Digest image =
            Pushes.manifest(
                test.store, NAME, Pushes.image("future", Optional.empty()), Origin.PUSHED);
        test.tag(Origin.CACHED, future, image);
      }
    };

    private final FindingKind kind;
    private final boolean canBeRepaired;

    Fault(FindingKind kind, boolean canBeRepaired) {
      this.kind = kind;
      this.canBeRepaired = canBeRepaired;
    }

    abstract void plant(StoreCheckTest test) throws IOException;
  }

  @Test
  void aStoreThatIsAsItShouldBeIsClean() throws IOException {
    assertThat(check(READ)).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void whatIsWrongIsFoundAndRepairedIfThatIsPossible(Fault fault) throws IOException {
    fault.plant(this);

    assertThat(check(READ)).extracting(Finding::kind).contains(fault.kind);
    boolean isSetAside = fault.name().endsWith("_CACHED") && !fault.name().startsWith("DANGLING");
    if (!isSetAside) { // what is cached and was found damaged counts as not stored already
      assertThat(check(REPAIR))
          .filteredOn(finding -> finding.kind() == fault.kind)
          .singleElement()
          .satisfies(finding -> {
            assertThat(finding.isRepaired()).isEqualTo(fault.canBeRepaired);
            assertThat(finding.advice().isEmpty()).isEqualTo(fault.canBeRepaired);
          });
    }
    List<Finding> left = check(READ);
    if (fault.canBeRepaired) {
      assertThat(left).isEmpty();
    } else {
      assertThat(left).extracting(Finding::kind).containsOnly(fault.kind);
    }
  }

  @Test
  void withoutDigestsNoContentIsRead() throws IOException {
    Fault.FLIPPED_PUSHED.plant(this);
    Fault.LOST_CACHED.plant(this);

    assertThat(check(LOOK)).extracting(Finding::kind).containsOnly(FindingKind.MISSING_CONTENT);
  }

  @Test
  void cachedContentIsFetchedAgainByARepair() throws IOException {
    Fault.FLIPPED_CACHED.plant(this);

    assertThat(check(REPAIR))
        .singleElement()
        .satisfies(finding -> {
          assertThat(finding.origin()).hasValue(Origin.CACHED);
          assertThat(finding.repositories()).containsExactly(CACHED);
          assertThat(finding.isRepaired()).isTrue();
        });

    assertThat(refetched).containsExactly(cached());
  }

  @Test
  void pushedContentThatIsWholeInTheQuarantineIsTakenBack() throws IOException {
    Digest digest = Pushes.blob(store, NAME, CONTENT);
    Path file = file(digest);
    Path elsewhere = directory.resolve("elsewhere");
    Files.move(file, elsewhere);
    check(READ);
    Path day = directory.resolve("quarantine").resolve("2026-01-01");
    Files.createDirectories(day);
    Files.move(elsewhere, day.resolve(Quarantine.nameOf(digest)));
    store.close();
    store = Store.open(directory, clock);

    assertThat(check(REPAIR)).singleElement().matches(Finding::isRepaired);

    try (Blob blob = store.blobs().open(digest).orElseThrow()) {
      assertThat(blob.readVerified().orElseThrow()).isEqualTo(CONTENT);
    }
  }

  private List<Finding> check(StoreCheck.Order order) throws IOException {
    clock.advance(Duration.ofSeconds(1));
    var findings = new Findings();
    store.check(order, findings);
    refetched.addAll(findings.refetched);
    return findings.all;
  }

  private interface IndexChange {
    void apply(Index index) throws IOException;
  }

  /** Changes the index behind the store's back. */
  private void change(IndexChange change) throws IOException {
    store.close();
    try (Index index = Index.open(new Layout(directory).index())) {
      change.apply(index);
    }
    store = Store.open(directory, clock);
  }

  private static void put(Index index, byte[] key, byte[] value) throws IOException {
    index.write(
        Index.Durability.SYNCED,
        batch -> {
          batch.put(key, value);
          return true;
        });
  }

  private void tag(Origin origin, Instant checked, Digest digest) throws IOException {
    byte[] fact = new TagFact(digest, origin, checked).encoded();
    change(index -> put(index, Keys.tag(NAME, new Tag("planted")), fact));
  }

  private Digest cached() {
    return Digest.of(bytes("cached layer"));
  }

  private Path file(Digest digest) {
    return new Layout(directory).blob(digest);
  }
}
