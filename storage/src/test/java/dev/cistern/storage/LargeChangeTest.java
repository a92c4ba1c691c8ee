package dev.cistern.storage;

import static dev.cistern.storage.Pushes.bytes;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Changes of more keys than the writer takes at a time: whole to readers, and whole after a kill.
 */
class LargeChangeTest {
  private static final RepositoryName NAME = new RepositoryName("ns/one");
  private static final RepositoryName OTHER = new RepositoryName("ns/other");
  private static final RepositoryName PINS = new RepositoryName("ns/pins");
  private static final int BLOBS = 1_200;
  private static final byte[] FAMILIES = "bmgnklthropuvc".getBytes(US_ASCII);

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  @TempDir private Path directory;

  /** A change, on a store that has what {@link #prepare} brought. */
  enum Large {
    COPY,
    DELETE,
    UNTAG,
    PRUNE,
    PURGE,
    PUT
  }

  private static void run(Large large, Store store, Digest image) throws IOException {
    Repositories repositories = store.repositories();
    switch (large) {
      case COPY -> assertThat(repositories.copy(NAME, OTHER, image)).isTrue();
      case DELETE -> assertThat(repositories.delete(NAME, image)).isTrue();
      case UNTAG -> {
        var removal =
            new ObjectEdit.Delete(new ObjectName("streams", "ns", "one"), new Expected.Anything());
        assertThat(repositories.untag(NAME, tags(store), List.of(removal)))
            .isInstanceOf(ObjectChange.Done.class);
      }
      case PRUNE -> {
        List<Digest> children = children(store, image);
        repositories.untag(NAME, tags(store), List.of());
        assertThat(repositories.prune(NAME, image, Instant.MAX)).isInstanceOf(Pruned.Removed.class);
        assertThat(repositories.prune(NAME, children.getFirst(), Instant.MAX))
            .isInstanceOf(Pruned.Removed.class);
      }
      case PURGE -> {
        Pushes.manifest(store, OTHER, large("purged", Optional.empty()), Origin.CACHED, "v1");
        assertThat(repositories.purge(OTHER, new Tag("v1"))).isInstanceOf(Purge.Purged.class);
      }
      case PUT ->
          Pushes.manifest(store, OTHER, large("put", Optional.empty()), Origin.CACHED, "v1", "v2");
    }
  }

  private static List<Tag> tags(Store store) {
    return store.repositories().tags(NAME, "", Integer.MAX_VALUE).stream().map(Tag::new).toList();
  }

  private static List<Digest> children(Store store, Digest index) {
    byte[] bytes = store.repositories().manifest(NAME, index).orElseThrow().bytes();
    return Manifest.parse(bytes, Optional.empty()).children().map(child -> child.digest()).toList();
  }

  private static byte[] large(String name, Optional<Digest> subject) {
    return Pushes.image(
        name,
        subject,
        IntStream.range(0, BLOBS)
            .mapToObj(i -> Digest.of(bytes("blob " + i)))
            .toArray(Digest[]::new));
  }

  /** Brings an index with an image of many blobs, under many tags. */
  private static Digest prepare(Store store) throws IOException {
    Digest child = Pushes.manifest(store, NAME, large("child", Optional.empty()), Origin.CACHED);
    String[] tags = IntStream.range(0, BLOBS).mapToObj(i -> "v" + i).toArray(String[]::new);
    store.objects().put(new ObjectName("streams", "ns", "one"), "{}", new Expected.Absent());
    Digest index =
        Pushes.manifest(
            store, NAME, Pushes.index("index", Optional.empty(), child), Origin.PUSHED, tags);
    Pushes.manifest(
        store, NAME, Pushes.image("referrer", Optional.of(index)), Origin.PUSHED, "referrer");
    return index;
  }

  /** All that readers see. */
  private static Map<String, String> seen(Store store) {
    var seen = new TreeMap<String, String>();
    for (byte letter : FAMILIES) {
      byte[] family = Keys.family(letter);
      store
          .index()
          .scan(
              family,
              family,
              (key, value) -> {
                seen.put(HexFormat.of().formatHex(key), HexFormat.of().formatHex(value));
                return true;
              });
    }
    return seen;
  }

  @ParameterizedTest
  @EnumSource
  void readersSeeItWholeOrNotAtAllAndSoDoesAStartAfterAKill(Large large) throws IOException {
    Path live = directory.resolve("live");
    var states = new ArrayList<Map<String, String>>();
    var copies = new ArrayList<Path>();
    try (Store store = Store.open(live, clock)) {
      Digest image = prepare(store);
      clock.advance(Duration.ofHours(1));
      states.add(seen(store));
      store
          .index()
          .intents()
          .afterPage(() -> {
            states.add(seen(store));
            copies.add(copied(live, "copy" + copies.size()));
          });
      run(large, store, image);
      states.add(seen(store));
      store.index().intents().afterPage(() -> {});
    }

    assertThat(copies).as("pages").hasSizeGreaterThan(4);
    assertThat(steps(states)).as("whole or not at all").isLessThanOrEqualTo(changes(large));
    for (int i = 0; i < copies.size(); i++) {
      try (Store store = Store.open(copies.get(i), clock)) {
        assertThat(seen(store)).as("after a kill at page " + i).isEqualTo(states.get(i + 1));
        assertThat(store.index().hasAny(Keys.family(Keys.INTENT))).isFalse();
      }
    }
  }

  /** How many changes an action makes that readers may tell apart. */
  private static int changes(Large large) {
    return switch (large) {
      case PRUNE -> 3;
      case PURGE -> 2;
      default -> 1;
    };
  }

  /** Returns how often a state is another than the one before it. */
  private static long steps(List<Map<String, String>> states) {
    return IntStream.range(1, states.size())
        .filter(i -> !states.get(i).equals(states.get(i - 1)))
        .count();
  }

  private Path copied(Path from, String name) {
    Path to = directory.resolve(name);
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path target = to.resolve(from.relativize(file).toString());
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return to;
  }

  @ParameterizedTest
  @EnumSource
  void aSmallWriteIsMadeWhereverALargeChangeStands(Large large) throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Digest image = prepare(store);
      clock.advance(Duration.ofHours(1));
      var pins = new ArrayList<Tag>();
      store
          .index()
          .intents()
          .afterPage(() -> { // the large change waits meanwhile
            pins.add(new Tag("pin" + pins.size()));
            pin(store, pins.getLast());
          });

      run(large, store, image);

      assertThat(pins).hasSizeGreaterThan(4);
      assertThat(store.repositories().pins(PINS)).hasSameSizeAs(pins);
    }
  }

  private static void pin(Store store, Tag tag) {
    try {
      store.repositories().pin(PINS, tag);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @CsvSource({"500, 0", "501, 3", "1001, 5"})
  void aChangeOfMoreThanAPageOfKeysGoesInPages(int keys, int pages) throws IOException {
    try (Index index = Index.open(directory)) {
      var count = new int[1];
      index.intents().afterPage(() -> count[0]++);

      index.decide(
          Index.Durability.SYNCED,
          batch -> {
            for (int i = 0; i < keys; i++) {
              batch.put(bytes("key" + i), bytes("value"));
            }
            return true;
          });

      assertThat(count[0]).isGreaterThanOrEqualTo(pages);
      assertThat(count[0] > 0).isEqualTo(pages > 0);
      assertThat(index.get(bytes("key" + (keys - 1)))).isEqualTo(bytes("value"));
      assertThat(index.hasAny(Keys.family(Keys.INTENT))).isFalse();
    }
  }

  @Test
  void aChangeThatNeedsAKeyOfALargeOneWaitsAndIsNotLost()
      throws IOException, ExecutionException, InterruptedException {
    try (Store store = Store.open(directory, clock);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Digest image = prepare(store);
      var pushes = new ArrayList<Future<Digest>>();
      store
          .index()
          .intents()
          .afterPage(() -> {
            if (pushes.isEmpty() && store.repositories().manifest(NAME, image).isEmpty()) {
              pushes.add(
                  threads.submit(() ->
                      Pushes.manifest(
                          store, NAME, large("new", Optional.empty()), Origin.PUSHED, "v1199")));
            }
          });
      store.repositories().delete(NAME, image);
      Digest pushed = pushes.getFirst().get();

      assertThat(store.repositories().tag(NAME, new Tag("v1199")).map(StoredTag::digest))
          .contains(pushed);
      assertThat(store.repositories().tags(NAME, "", 9)).containsExactly("referrer", "v1199");
    }
  }

  @Test
  void aLargeChangeWhoseGroundHasMovedIsDecidedAgain() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Digest image = prepare(store);
      var moved = new ArrayList<Tag>();
      store
          .index()
          .intents()
          .afterPage(() -> {
            if (moved.size() < 2) { // while it is staged, somebody tags it once more
              moved.add(new Tag("late" + moved.size()));
              tag(store, image, moved.getLast());
            }
          });

      store.repositories().delete(NAME, image);

      assertThat(moved).hasSize(2);
      assertThat(store.repositories().tags(NAME, "", 9)).containsExactly("referrer");
      assertThat(store.index().hasAny(Keys.family(Keys.INTENT))).isFalse();
    }
  }

  @Test
  void whatIsCommittedIsNotDropped() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Digest image = prepare(store);
      Intents intents = store.index().intents();
      byte[] family = Keys.family(Keys.INTENT);
      var dropped = new long[1];
      intents.afterPage(() -> {
        if (intents.over() != Intents.NONE && dropped[0] == 0) {
          dropped[0] = intents.over();
          assertThat(store.index().hasAny(family)).isTrue();
          drop(intents, dropped[0]); // as a caller does who was interrupted while he waited
          assertThat(store.repositories().tags(NAME, "", 9)).containsExactly("referrer");
        }
      });

      store.repositories().delete(NAME, image);

      assertThat(dropped[0]).isPositive();
      assertThat(store.repositories().tags(NAME, "", 9)).containsExactly("referrer");
      assertThat(store.index().hasAny(family)).isFalse();
    }
  }

  private static void drop(Intents intents, long id) {
    try {
      intents.drop(id);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void whatChangesAllTheTimeIsGivenUpAndNothingIsChanged() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Digest image = prepare(store);
      var count = new int[1];
      store.index().intents().afterPage(() -> tag(store, image, new Tag("late" + count[0]++)));

      assertThatThrownBy(() -> store.repositories().delete(NAME, image))
          .hasMessage("the repository is changed by too many others");

      assertThat(store.repositories().manifest(NAME, image)).isPresent();
      assertThat(store.repositories().tags(NAME, "", 9_999)).contains("v0", "v1199", "late0");
    }
    try (Index index = Index.open(new Layout(directory).index())) {
      assertThat(index.hasAny(Keys.family(Keys.INTENT))).isFalse();
    }
  }

  private static void tag(Store store, Digest image, Tag tag) {
    StoredManifest stored = store.repositories().manifest(NAME, image).orElseThrow();
    try {
      store
          .repositories()
          .put(
              NAME,
              stored,
              Manifest.parse(stored.bytes(), Optional.empty()),
              List.of(tag),
              Origin.PUSHED);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
