package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A small store that is always nearly full gets random pushes, pulls, tags, deletes, mounts,
 * readers, pins, purges, evictions, collections and kills. A plain model knows what must not go;
 * after each step it is there, what is counted is what is on the disk, and the limit holds.
 *
 * <p>{@code -Dcistern.schedules=N} runs more schedules than the usual.
 */
class SpaceModelTest {
  private static final int STEPS = 120;
  private static final long LIMIT = 3L << 20;
  private static final int LARGEST_BLOB = 400 << 10;
  private static final List<RepositoryName> NAMES =
      List.of(new RepositoryName("a"), new RepositoryName("a/b"), new RepositoryName("c"));
  private static final List<Tag> TAGS =
      IntStream.range(0, 4).mapToObj(i -> new Tag("v" + i)).toList();
  private static final List<byte[]> BLOBS = blobs();

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  private final List<Sample> samples = new ArrayList<>();
  private final Map<RepositoryName, Set<Digest>> pushed = new HashMap<>();
  private final Map<RepositoryName, Set<Digest>> pushedBlobs = new HashMap<>();
  private final List<Blob> readers = new ArrayList<>();

  /** A manifest that may be put anywhere. */
  private record Sample(byte[] bytes, Digest digest, List<Integer> blobs, List<Digest> children) {
    Manifest manifest() {
      return Manifest.parse(bytes, Optional.empty());
    }
  }

  /** What is in the store and must not go by itself. */
  private record Held(Map<RepositoryName, Set<Digest>> manifests, Set<Digest> blobs) {}

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void whatMustStayStaysAndTheLimitHolds(long seed, @TempDir Path directory) throws IOException {
    var random = new SplittableRandom(seed);
    makeSamples(random);
    Path data = directory.resolve("0");
    Store store = open(data);
    try {
      for (int step = 1; step <= STEPS; step++) {
        String when = "seed " + seed + ", step " + step;
        if (random.nextInt(40) == 0) {
          store = reopen(random, store, data, when);
        }
        step(random, store, when);
        assertThat(store.contentBytes()).as(when).isLessThanOrEqualTo(LIMIT);
        if (step % 5 == 0) {
          Audit.counted(store, data, when);
        }
      }
      letGo();
      clock.advance(Duration.ofSeconds(1));
      store.collect();
    } finally {
      letGo();
      store.close();
    }
    Audit.closed(data, "seed " + seed);
    Audit.reachable(data, "seed " + seed);
  }

  private Store open(Path directory) throws IOException {
    return Store.open(
        directory,
        new StorageLimits(OptionalLong.of(LIMIT), OptionalLong.of(0), Duration.ZERO),
        clock);
  }

  /** Ends the store, or leaves it as a kill would and opens what is on the disk. */
  private Store reopen(SplittableRandom random, Store store, Path data, String when)
      throws IOException {
    letGo();
    if (random.nextBoolean()) {
      store.close();
      Audit.closed(data, when);
      return open(data);
    }
    Path image = data.resolveSibling("killed");
    copy(data, image);
    store.close();
    remove(data);
    Files.move(image, data);
    Store opened = open(data);
    opened.sweep();
    Audit.counted(opened, data, when);
    return opened;
  }

  private void step(SplittableRandom random, Store store, String when) throws IOException {
    clock.advance(Duration.ofSeconds(random.nextInt(90)));
    RepositoryName name = any(random, NAMES);
    Sample sample = any(random, samples);
    Tag tag = any(random, TAGS);
    Repositories repositories = store.repositories();
    switch (random.nextInt(18)) {
      case 0, 1 -> push(store, name, sample, tag, when);
      case 2, 3, 4, 5, 6, 7 -> pull(store, name, sample, tag, when);
      case 8 -> {
        if (repositories.delete(name, tag)) {
          return;
        }
        any(random, samples).blobs().forEach(blob -> tryUnlink(store, name, blob));
      }
      case 9 -> {
        assertThat(repositories.delete(name, sample.digest()) || !isPushed(name, sample))
            .as(when)
            .isTrue();
        of(pushed, name).remove(sample.digest());
      }
      case 10, 16 -> {
        Digest blob = Digest.of(any(random, BLOBS));
        if (store.blobs().link(name, blob, Origin.PUSHED)) {
          of(pushedBlobs, name).add(blob);
        }
      }
      case 11 -> {
        if (readers.size() < 3) {
          store.blobs().open(Digest.of(any(random, BLOBS))).ifPresent(readers::add);
        }
      }
      case 12 -> {
        if (!readers.isEmpty()) {
          readers.remove(random.nextInt(readers.size())).release();
        }
      }
      case 13 -> {
        if (repositories.pins(name).isEmpty()) {
          repositories.pin(name, random.nextBoolean() ? tag : sample.digest());
        } else {
          repositories.unpin(name, repositories.pins(name).getFirst());
        }
      }
      case 14 -> {
        Held held = held(store, Optional.empty(), true);
        Reference reference = random.nextBoolean() ? tag : sample.digest();
        Purge purge = repositories.purge(name, reference);
        assertHeld(store, held, when + ", purge " + purge);
        if (purge instanceof Purge.Purged && reference instanceof Digest digest) {
          assertThat(repositories.manifest(name, digest)).as(when).isEmpty();
        }
      }
      case 15 -> {
        if (random.nextInt(3) > 0) {
          return;
        }
        Held held = held(store, Optional.empty(), false);
        store.collect();
        pushedBlobs.values().forEach(blobs -> blobs.removeIf(blob -> !held.blobs().contains(blob)));
        assertHeld(store, held, when + ", collection");
        forgetUnlinked(store);
      }
      default -> {
        repositories.used(name, sample.digest());
        Held held = held(store, Optional.empty(), true);
        store.relieve();
        assertHeld(store, held, when + ", relief");
      }
    }
  }

  private void push(Store store, RepositoryName name, Sample sample, Tag tag, String when)
      throws IOException {
    Held held = held(store, Optional.of(Map.entry(name, tag)), true);
    try {
      for (int blob : sample.blobs()) {
        Digest digest = Digest.of(BLOBS.get(blob));
        if (store.blobs().isLinked(name, digest) && store.blobs().size(digest).isPresent()) {
          store.blobs().keep(name, digest);
        } else {
          pushBlob(store, name, BLOBS.get(blob));
          of(pushedBlobs, name).add(digest);
        }
      }
      Pushes.manifest(store, name, sample.bytes(), Origin.PUSHED, tag.name());
      of(pushed, name).add(sample.digest());
    } catch (StoreFullException e) {
      assertThat(e).as(when).hasMessageContaining("maxSize");
    }
    assertHeld(store, held, when + ", push");
  }

  private void pull(Store store, RepositoryName name, Sample sample, Tag tag, String when)
      throws IOException {
    Held held = held(store, Optional.of(Map.entry(name, tag)), true);
    Pushes.manifest(store, name, sample.bytes(), Origin.CACHED, tag.name());
    try {
      for (int blob : sample.blobs()) {
        byte[] content = BLOBS.get(blob);
        Digest digest = Digest.of(content);
        if (store.blobs().size(digest).isPresent()) {
          continue;
        }
        try (PartialBlob partial = store.blobs().partial(digest)) {
          partial.resume();
          if (blob % 2 == 0) {
            partial.reserve(content.length - partial.length());
          }
          int half = Math.toIntExact(Math.max(content.length / 2, partial.length()));
          append(partial, content, half);
          if (clock.instant().getEpochSecond() % 7 == 0) {
            break;
          }
          append(partial, content, content.length);
          partial.commit();
        }
      }
    } catch (StoreFullException e) {
      assertThat(e).as(when).hasMessageContaining("maxSize");
    }
    assertHeld(store, held, when + ", pull");
  }

  private static void append(PartialBlob partial, byte[] content, int end) throws IOException {
    int from = Math.toIntExact(partial.length());
    partial.append(ByteBuffer.wrap(content, from, end - from), length -> {});
  }

  private static void pushBlob(Store store, RepositoryName name, byte[] content)
      throws IOException {
    Upload upload = store.uploads().start(name, "somebody", Digest.Algorithm.SHA256);
    try (Upload.Hold hold = upload.hold()) {
      hold.append(ByteBuffer.wrap(content));
      hold.finish(Digest.of(content));
    } catch (StoreFullException e) {
      upload.cancel();
      throw e;
    }
  }

  private void tryUnlink(Store store, RepositoryName name, int blob) {
    Digest digest = Digest.of(BLOBS.get(blob));
    try {
      store.blobs().unlink(name, digest);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    of(pushedBlobs, name).remove(digest);
  }

  /** A pushed link may be collected at any time when no manifest of its repository names it. */
  private void forgetUnlinked(Store store) {
    pushedBlobs.forEach(
        (name, blobs) -> blobs.removeIf(blob -> !store.blobs().isLinked(name, blob)));
  }

  private static Set<Digest> of(Map<RepositoryName, Set<Digest>> map, RepositoryName name) {
    return map.computeIfAbsent(name, absent -> new HashSet<>());
  }

  private boolean isPushed(RepositoryName name, Sample sample) {
    return of(pushed, name).contains(sample.digest());
  }

  /**
   * Returns what is there now and must not be removed by the store.
   *
   * @param moved a tag that the step moves, so that a pin on it protects nothing
   * @param alsoLinks whether a pushed link alone protects a blob, which it does until a collection
   */
  private Held held(
      Store store, Optional<Map.Entry<RepositoryName, Tag>> moved, boolean alsoLinks) {
    var manifests = new HashMap<RepositoryName, Set<Digest>>();
    var blobs = new HashSet<Digest>();
    readers.forEach(reader -> blobs.add(reader.digest()));
    for (RepositoryName name : NAMES) {
      var queue = new ArrayDeque<>(of(pushed, name));
      for (Reference pin : store.repositories().pins(name)) {
        if (!moved.equals(Optional.of(Map.entry(name, pin)))) {
          resolve(store, name, pin).ifPresent(queue::add);
        }
      }
      var here = new HashSet<Digest>();
      while (!queue.isEmpty()) {
        Digest digest = queue.remove();
        if (store.repositories().manifest(name, digest).isPresent() && here.add(digest)) {
          Sample sample = sample(digest);
          queue.addAll(sample.children());
          sample.blobs().forEach(blob -> blobs.add(Digest.of(BLOBS.get(blob))));
        }
      }
      manifests.put(name, here);
      assertThat(here).as(name + ": what was pushed").containsAll(of(pushed, name));
      assertThat(of(pushedBlobs, name))
          .as(name + ": blobs that were pushed")
          .allMatch(blob -> store.blobs().size(blob).isPresent());
      if (alsoLinks) {
        blobs.addAll(of(pushedBlobs, name));
      }
    }
    blobs.removeIf(blob -> store.blobs().size(blob).isEmpty());
    return new Held(manifests, blobs);
  }

  private static void assertHeld(Store store, Held held, String when) throws IOException {
    for (Map.Entry<RepositoryName, Set<Digest>> entry : held.manifests().entrySet()) {
      for (Digest digest : entry.getValue()) {
        assertThat(store.repositories().manifest(entry.getKey(), digest))
            .as(when + ": manifest " + digest + " of " + entry.getKey())
            .isPresent();
      }
    }
    for (Digest digest : held.blobs()) {
      Optional<Blob> blob = store.blobs().open(digest);
      assertThat(blob).as(when + ": blob " + digest).isPresent();
      try (Blob open = blob.orElseThrow()) {
        assertThat(Digest.of(open.readAll())).as(when).isEqualTo(digest);
      }
    }
  }

  private static Optional<Digest> resolve(Store store, RepositoryName name, Reference reference) {
    return switch (reference) {
      case Digest digest -> Optional.of(digest);
      case Tag tag -> store.repositories().tag(name, tag).map(StoredTag::digest);
    };
  }

  private Sample sample(Digest digest) {
    return samples.stream().filter(each -> each.digest().equals(digest)).findFirst().orElseThrow();
  }

  private void makeSamples(SplittableRandom random) {
    for (int i = 0; i < 10; i++) {
      Optional<Digest> subject =
          i > 0 && random.nextInt(3) == 0
              ? Optional.of(any(random, samples).digest())
              : Optional.empty();
      boolean isIndex = i > 3 && random.nextInt(3) == 0;
      List<Digest> children =
          isIndex
              ? List.of(any(random, samples).digest(), any(random, samples).digest())
              : List.of();
      List<Integer> blobs =
          isIndex ? List.of() : List.of(random.nextInt(BLOBS.size()), random.nextInt(BLOBS.size()));
      byte[] bytes =
          isIndex
              ? Pushes.index("sample " + i, subject, children.toArray(Digest[]::new))
              : Pushes.image(
                  "sample " + i,
                  subject,
                  blobs.stream().map(BLOBS::get).map(Digest::of).toArray(Digest[]::new));
      var sample = new Sample(bytes, Digest.of(bytes), blobs, children);
      assertThat(sample.manifest().children().map(Descriptor::digest)).isEqualTo(children);
      samples.add(sample);
    }
  }

  private void letGo() {
    readers.forEach(Blob::release);
    readers.clear();
  }

  private static List<byte[]> blobs() {
    var random = new SplittableRandom(1);
    var blobs = new ArrayList<byte[]>();
    for (int i = 0; i < 14; i++) {
      byte[] content = new byte[1 + random.nextInt(LARGEST_BLOB)];
      Arrays.fill(content, (byte) i);
      blobs.add(content);
    }
    return blobs;
  }

  private static <T> T any(SplittableRandom random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> paths = Files.walk(from)) {
      for (Path path : paths.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
  }

  private static void remove(Path directory) throws IOException {
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.toList().reversed()) {
        Files.delete(path);
      }
    }
  }
}
