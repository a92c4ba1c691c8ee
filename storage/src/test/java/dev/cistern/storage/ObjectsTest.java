package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.OciException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ObjectsTest {
  private static final int STEPS = 600;
  private static final int REOPEN_EVERY = 90;
  private static final List<String> KINDS = List.of("RoleBinding", "RoleBindingX", "ImageStream");
  private static final List<String> NAMESPACES = List.of("", "a", "a-b", "aa");
  private static final List<String> NAMES = List.of("x", "system:image-puller", "x-0");
  private static final ObjectName NAME = new ObjectName("RoleBinding", "a", "x");

  private static final ObjectName OTHER = new ObjectName("RoleBinding", "a", "y");
  private static final Duration LONG = Duration.ofMinutes(1);

  @TempDir private Path directory;

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));

  /** A store and a map are told the same, at random; then they must say the same. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void theObjectsAreThoseOfAPlainMap(long seed) throws IOException {
    var random = new SplittableRandom(seed);
    var model =
        new TreeMap<ObjectName, StoredObject>(
            Comparator.comparing(ObjectName::kind)
                .thenComparing(ObjectName::namespace)
                .thenComparing(ObjectName::name));
    long revision = 0;
    Store store = Store.open(directory, clock);
    try {
      for (int step = 1; step <= STEPS; step++) {
        var name = new ObjectName(any(random, KINDS), any(random, NAMESPACES), any(random, NAMES));
        Optional<StoredObject> before = Optional.ofNullable(model.get(name));
        Expected expected = expected(random, revision, before);
        boolean isExpected =
            switch (expected) {
              case Expected.Anything anything -> true;
              case Expected.Absent absent -> before.isEmpty();
              case Expected.Revision(long number) ->
                  before.map(StoredObject::revision).filter(r -> r == number).isPresent();
            };
        boolean isPut = random.nextInt(3) > 0;
        String json = "{\"step\":" + step + "}";
        ObjectChange change =
            isPut
                ? store.objects().put(name, json, expected)
                : store.objects().delete(name, expected);
        if (isExpected && (isPut || before.isPresent())) {
          String last = isPut ? json : before.orElseThrow().json();
          var done = new StoredObject(name, ++revision, last);
          assertThat(change).isEqualTo(new ObjectChange.Done(List.of(done)));
          if (isPut) {
            model.put(name, done);
          } else {
            model.remove(name);
          }
        } else {
          assertThat(change).isEqualTo(new ObjectChange.Conflict(name));
        }
        if (step % REOPEN_EVERY == 0) {
          store.close();
          store = Store.open(directory, clock);
        }
        compare(store.objects(), name, List.copyOf(model.values()), revision);
      }
    } finally {
      store.close();
    }
  }

  private static Expected expected(
      SplittableRandom random, long revision, Optional<StoredObject> before) {
    return switch (random.nextInt(4)) {
      case 0 -> new Expected.Anything();
      case 1 -> new Expected.Absent();
      case 2 -> new Expected.Revision(random.nextLong(revision + 1));
      default -> new Expected.Revision(before.map(StoredObject::revision).orElse(1L));
    };
  }

  private static void compare(
      Objects objects, ObjectName name, List<StoredObject> model, long revision) {
    assertThat(objects.revision()).isEqualTo(revision);
    List<StoredObject> kind =
        model.stream().filter(object -> object.name().kind().equals(name.kind())).toList();
    assertThat(objects.list(name.kind())).isEqualTo(kind);
    assertThat(objects.list(name.kind(), name.namespace()))
        .isEqualTo(
            kind.stream()
                .filter(object -> object.name().namespace().equals(name.namespace()))
                .toList());
    assertThat(objects.get(name))
        .isEqualTo(model.stream().filter(object -> object.name().equals(name)).findFirst());
  }

  @Test
  void ofManyThatCountUpFromWhatTheyReadNoneIsLost() throws IOException, InterruptedException {
    int writers = 8;
    int each = 20;
    try (Store store = Store.open(directory, clock)) {
      Objects objects = store.objects();
      objects.put(NAME, "0", new Expected.Absent());
      var conflicts = new AtomicInteger();
      var failures = new ArrayList<Thread>();
      var threads = new ArrayList<Thread>();
      for (int i = 0; i < writers; i++) {
        Thread thread =
            Thread.ofVirtual()
                .unstarted(() -> {
                  for (int n = 0; n < each; n++) {
                    while (!increment(objects)) {
                      conflicts.incrementAndGet();
                    }
                  }
                });
        thread.setUncaughtExceptionHandler((failed, e) -> failures.add(failed));
        threads.add(thread);
        thread.start();
      }
      for (Thread thread : threads) {
        thread.join();
      }

      assertThat(failures).isEmpty();
      assertThat(objects.get(NAME).orElseThrow().json())
          .isEqualTo(Integer.toString(writers * each));
      assertThat(objects.revision())
          .as("a conflict is no change")
          .isEqualTo(1L + writers * (long) each);
    }
  }

  private static boolean increment(Objects objects) {
    StoredObject before = objects.get(NAME).orElseThrow();
    String next = "" + (Integer.parseInt(before.json()) + 1);
    try {
      return objects.put(NAME, next, new Expected.Revision(before.revision()))
          instanceof ObjectChange.Done;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void whatIsTooLongIsRefusedAndLeavesNoTrace() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      String longest = "x".repeat(Objects.MOST_BYTES);
      assertThatThrownBy(() -> store.objects().put(NAME, longest + "x", new Expected.Anything()))
          .isInstanceOf(OciException.class)
          .hasMessageContaining("RoleBinding a/x has 1048577 bytes, at most 1048576 are stored");
      assertThat(store.objects().revision()).isZero();
      store.objects().put(NAME, longest, new Expected.Anything());
      assertThat(store.objects().get(NAME).orElseThrow().json()).isEqualTo(longest);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "'', a, x, kind",
    "Role Binding, a, x, kind",
    "RoleBinding, a/b, x, namespace",
    "RoleBinding, .., x, namespace",
    "RoleBinding, a, '', name",
    "RoleBinding, a, x/y, name",
    "RoleBinding, a, x%2f, name",
    "RoleBinding, a, ., name",
    "RoleBinding, a, ä, name",
  })
  void aNameThatCannotStandInAPathIsRefused(
      String kind, String namespace, String name, String wrong) {
    assertThatThrownBy(() -> new ObjectName(kind, namespace, name))
        .isInstanceOf(OciException.class)
        .hasMessageStartingWith("not the " + wrong + " of an object: ");
  }

  @Test
  void namesAreBounded() {
    var longest = new ObjectName("K".repeat(63), "n".repeat(255), "x".repeat(253));
    assertThat(longest.name()).hasSize(253);
    assertThatThrownBy(() -> new ObjectName("K".repeat(64), "n", "x"))
        .isInstanceOf(OciException.class);
    assertThatThrownBy(() -> new ObjectName("K", "n".repeat(256), "x"))
        .isInstanceOf(OciException.class);
    assertThatThrownBy(() -> new ObjectName("K", "n", "x".repeat(254)))
        .isInstanceOf(OciException.class);
  }

  private static <T> T any(SplittableRandom random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  @Test
  void allEditsAreMadeOrNone() throws IOException {
    var other = new ObjectName("RoleBinding", "b", "x");
    try (Store store = Store.open(directory, clock)) {
      Objects objects = store.objects();
      objects.put(NAME, "{}", new Expected.Absent());
      ObjectChange refused =
          objects.change(
              List.of(
                  new ObjectEdit.Put(other, "{}", new Expected.Absent()),
                  new ObjectEdit.Put(NAME, "{\"a\":1}", new Expected.Absent())));
      assertThat(refused).isInstanceOf(ObjectChange.Conflict.class);
      assertThat(objects.get(other)).isEmpty();
      assertThat(objects.revision()).isEqualTo(1);

      ObjectChange done =
          objects.change(
              List.of(
                  new ObjectEdit.Put(other, "{}", new Expected.Absent()),
                  new ObjectEdit.Delete(NAME, new Expected.Revision(1))));
      assertThat(done)
          .isEqualTo(
              new ObjectChange.Done(
                  List.of(new StoredObject(other, 2, "{}"), new StoredObject(NAME, 3, "{}"))));
    }
  }

  @Test
  void whoFollowsIsToldOfEachChangeInOrderAndOfNoneThatWasNotMade() throws Exception {
    try (Store store = Store.open(directory, clock)) {
      Objects objects = store.objects();
      objects.put(NAME, "1", new Expected.Absent());
      try (ObjectFeed.Cursor cursor = objects.feed().after(1)) {
        objects.put(NAME, "never", new Expected.Absent());
        objects.put(NAME, "2", new Expected.Revision(1));
        objects.announce(
            List.of(new Objects.Announced(OTHER, Optional.empty(), Optional.of("file"))));
        objects.delete(NAME, new Expected.Anything());

        assertThat(cursor.next(Duration.ZERO))
            .containsExactly(
                new ObjectEvent(2, NAME, Optional.of("1"), Optional.of("2")),
                new ObjectEvent(3, OTHER, Optional.empty(), Optional.of("file")),
                new ObjectEvent(4, NAME, Optional.of("2"), Optional.empty()));
        assertThat(cursor.next(Duration.ZERO)).isEmpty();
      }
    }
  }

  @Test
  void whoWaitsIsWokenByAChangeAndByTheEnd() throws Exception {
    try (Store store = Store.open(directory, clock);
        ObjectFeed.Cursor cursor = store.objects().feed().after(0);
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<List<ObjectEvent>> waiting = threads.submit(() -> cursor.next(LONG));
      store.objects().put(NAME, "1", new Expected.Absent());
      assertThat(waiting.get()).hasSize(1);

      Future<List<ObjectEvent>> ended = threads.submit(() -> cursor.next(LONG));
      cursor.close();
      assertThat(ended.get()).isEmpty();
      assertThat(cursor.isOver()).isTrue();
    }
  }

  @Test
  void whatIsTooOldToBeFollowedIsRefused() throws Exception {
    String large = "x".repeat(Objects.MOST_BYTES / 2);
    try (Store store = Store.open(directory, clock)) {
      ObjectFeed feed = store.objects().feed();
      ObjectFeed.Cursor slow = feed.after(0);
      for (int i = 0; i < 40; i++) {
        store.objects().put(NAME, large, new Expected.Anything());
      }
      assertThatThrownBy(() -> feed.after(0))
          .isInstanceOf(ObjectFeed.TooOldException.class)
          .hasMessageStartingWith("too old resource version: 0 (");
      assertThatThrownBy(() -> slow.next(Duration.ZERO))
          .isInstanceOf(ObjectFeed.TooOldException.class);
      assertThat(feed.after(39).next(Duration.ZERO)).hasSize(1);
    }
    try (Store again = Store.open(directory, clock)) {
      assertThatThrownBy(() -> again.objects().feed().after(39))
          .isInstanceOf(ObjectFeed.TooOldException.class);
      assertThat(again.objects().feed().after(40).next(Duration.ZERO)).isEmpty();
    }
  }

  @Test
  void pagesAndNamespacesAreThoseOfTheList() throws IOException {
    try (Store store = Store.open(directory, clock)) {
      Objects objects = store.objects();
      for (String namespace : List.of("a", "a-b", "aa", "b")) {
        for (String name : NAMES) {
          objects.put(new ObjectName("Secret", namespace, name), "{}", new Expected.Absent());
        }
        objects.put(new ObjectName("SecretX", namespace + "x", "x"), "{}", new Expected.Absent());
      }
      assertThat(objects.namespaces("Secret")).containsExactly("a", "a-b", "aa", "b");
      assertThat(objects.namespaces("Nothing")).isEmpty();

      var paged = new ArrayList<StoredObject>();
      Optional<ObjectName> last = Optional.empty();
      Objects.Page page;
      do {
        page = objects.page("Secret", Optional.empty(), last, 5);
        paged.addAll(page.objects());
        last = Optional.of(page.objects().getLast().name());
      } while (page.isMore());
      assertThat(paged).isEqualTo(objects.list("Secret"));
      assertThat(objects.page("Secret", Optional.of("aa"), Optional.empty(), 99).objects())
          .isEqualTo(objects.list("Secret", "aa"));
    }
  }

  @Test
  void aPageOfLongObjectsIsShort(@TempDir Path directory) throws IOException {
    String json = "{\"a\":\"" + "x".repeat(Objects.MOST_BYTES / 3) + "\"}";
    try (Store store = Store.open(directory, clock)) {
      Objects objects = store.objects();
      for (int i = 0; i < 5; i++) {
        objects.put(new ObjectName("Secret", "a", "s" + i), json, new Expected.Absent());
      }

      Objects.Page first = objects.page("Secret", Optional.empty(), Optional.empty(), 100);
      Optional<ObjectName> last = Optional.of(first.objects().getLast().name());
      Objects.Page second = objects.page("Secret", Optional.empty(), last, 100);

      assertThat(first.objects()).hasSize(3);
      assertThat(first.isMore()).isTrue();
      assertThat(second.objects()).hasSize(2);
      assertThat(second.isMore()).isFalse();
    }
  }

  @Test
  void longChangesAreFollowedInParts(@TempDir Path directory) throws Exception {
    String json = "{\"a\":\"" + "x".repeat(Objects.MOST_BYTES / 3) + "\"}";
    try (Store store = Store.open(directory, clock)) {
      Objects objects = store.objects();
      ObjectFeed.Cursor cursor = objects.feed().after(0);
      for (int i = 0; i < 5; i++) {
        objects.put(new ObjectName("Secret", "a", "s" + i), json, new Expected.Absent());
      }

      var parts = new ArrayList<Integer>();
      var names = new ArrayList<String>();
      while (names.size() < 5) {
        List<ObjectEvent> part = cursor.next(Duration.ZERO);
        parts.add(part.size());
        part.forEach(event -> names.add(event.name().name()));
      }

      assertThat(names).containsExactly("s0", "s1", "s2", "s3", "s4");
      assertThat(parts).containsExactly(2, 2, 1);
    }
  }
}
