package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.OciException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
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
          assertThat(change).isEqualTo(new ObjectChange.Done(done));
          if (isPut) {
            model.put(name, done);
          } else {
            model.remove(name);
          }
        } else {
          assertThat(change).isEqualTo(new ObjectChange.Conflict(before));
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
}
