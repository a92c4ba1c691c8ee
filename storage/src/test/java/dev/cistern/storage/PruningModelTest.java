package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A store and plain maps get random pushes, pulls, tags, deletes, mounts, pins, readers, uploads
 * and downloads, and now and then some manifests are pruned. A trial, the maps and the prune must
 * say the same; what is freed is what is gone from the disk; and what is in use is whole after it.
 *
 * <p>{@code -Dcistern.schedules=N} runs more schedules than the usual.
 */
class PruningModelTest {
  /** What came or was used in this time stays, whatever is asked for. */
  private static final Duration SPARED = Duration.ofMinutes(10);

  private static final int STEPS = 150;
  private static final List<RepositoryName> NAMES =
      List.of(new RepositoryName("a"), new RepositoryName("a/b"), new RepositoryName("c"));
  private static final List<Tag> TAGS =
      IntStream.range(0, 3).mapToObj(i -> new Tag("v" + i)).toList();
  private static final List<byte[]> BLOBS =
      IntStream.range(0, 8).mapToObj(i -> Pushes.bytes("blob ".repeat(i + 1) + i)).toList();

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  private final List<Sample> samples = new ArrayList<>();

  private final Map<RepositoryName, Model> models = new HashMap<>();

  /** Manifests whose bytes are in the store, kept or not. */
  private final Set<Sample> stored = new HashSet<>();

  /** When the content of each blob came. */
  private final Map<Digest, Instant> contents = new HashMap<>();

  private final List<Blob> readers = new ArrayList<>();
  private final Map<Integer, PartialBlob> downloads = new HashMap<>();
  private final Map<Integer, Upload> uploads = new HashMap<>();

  /** A manifest that may be put anywhere. */
  private record Sample(
      byte[] bytes,
      Digest digest,
      Set<Digest> named,
      List<Sample> children,
      Optional<Digest> subject) {}

  /** One manifest of one repository. */
  private record Place(RepositoryName name, Sample sample) {}

  /** What one repository must hold, with the times of its last uses. */
  private static final class Model {
    private final Map<Sample, Instant> manifests = new LinkedHashMap<>();
    private final Map<Tag, Digest> tags = new HashMap<>();
    private final Set<Digest> pins = new HashSet<>();
    private final Map<Digest, Instant> links = new HashMap<>();
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void onlyWhatIsOldAndUnusedGoesAndATrialKnowsIt(long seed, @TempDir Path directory)
      throws IOException {
    var random = new SplittableRandom(seed);
    makeSamples(random);
    NAMES.forEach(name -> models.put(name, new Model()));
    Store store = open(directory);
    try {
      for (int step = 1; step <= STEPS; step++) {
        String when = "seed " + seed + ", step " + step;
        clock.advance(Duration.ofSeconds(61 + random.nextInt(1_800)));
        if (random.nextInt(6) == 0) {
          prune(random, store, directory, when);
        } else {
          step(random, store);
        }
        if (random.nextInt(50) == 0 && downloads.isEmpty() && readers.isEmpty()) {
          uploads.clear();
          store.close();
          store = open(directory);
        }
      }
      letGo();
      clock.advance(Duration.ofDays(2));
      store.collect();
      Audit.counted(store, directory, "seed " + seed);
    } finally {
      letGo();
      store.close();
    }
    Audit.closed(directory, "seed " + seed);
    Audit.reachable(directory, "seed " + seed);
  }

  private Store open(Path directory) throws IOException {
    var limits = new StorageLimits(OptionalLong.empty(), OptionalLong.empty(), Duration.ofDays(1));
    return Store.open(directory, limits, clock);
  }

  private void prune(SplittableRandom random, Store store, Path directory, String when)
      throws IOException {
    Instant asked = clock.instant().minusSeconds(random.nextInt(6 * 3600));
    Instant spared = clock.instant().minus(SPARED);
    Instant limit = asked.isBefore(spared) ? asked : spared;
    List<Place> places = places(random);
    var tried = new ArrayList<Pruned>();
    long before = Audit.bytes(directory);
    long version = store.objects().revision();
    try (PruneTrial trial = store.repositories().pruneTrial()) {
      for (Place place : places) {
        tried.add(trial.prune(place.name(), place.sample().digest(), asked));
      }
    }
    assertThat(Audit.bytes(directory)).as(when).isEqualTo(before);
    assertThat(store.objects().revision()).as(when).isEqualTo(version);
    Map<Place, Set<Digest>> inUse = inUse(store, limit);

    long freed = 0;
    for (int i = 0; i < places.size(); i++) {
      Place place = places.get(i);
      Pruned pruned = store.repositories().prune(place.name(), place.sample().digest(), asked);
      String which = when + ", " + place.name() + " " + place.sample().digest();
      assertThat(pruned).as(which + ": tried").isEqualTo(tried.get(i));
      freed += compare(pruned, place, limit, which);
    }

    assertThat(Audit.bytes(directory)).as(when).isEqualTo(before - freed);
    Audit.counted(store, directory, when);
    for (Map.Entry<Place, Set<Digest>> used : inUse.entrySet()) {
      assertWhole(store, used.getKey(), used.getValue(), when);
    }
    compare(store, when);
  }

  /** Returns some manifests of some repositories, parents before children half of the time. */
  private List<Place> places(SplittableRandom random) {
    var places = new ArrayList<Place>();
    boolean isOrdered = random.nextBoolean();
    for (Sample sample : isOrdered ? samples.reversed() : samples) {
      NAMES.forEach(name -> places.add(new Place(name, sample)));
    }
    while (!places.isEmpty() && random.nextInt(8) > 0) {
      places.remove(random.nextInt(places.size()));
    }
    return places;
  }

  /** Compares what came of a prune with what must; returns how many bytes it freed. */
  private long compare(Pruned pruned, Place place, Instant limit, String which) {
    Model model = model(place.name());
    Sample sample = place.sample();
    if (!model.manifests.containsKey(sample)) {
      assertThat(pruned).as(which).isEqualTo(new Pruned.Absent());
      return 0;
    }
    if (isNeeded(place, limit)) {
      assertThat(pruned).as(which).isInstanceOf(Pruned.Kept.class);
      return 0;
    }
    model.manifests.remove(sample);
    if (models.values().stream().noneMatch(each -> each.manifests.containsKey(sample))) {
      stored.remove(sample);
    }
    var unlinked = new TreeSet<String>();
    var removed = new TreeSet<String>();
    for (Digest blob : sample.named()) {
      Instant linked = model.links.get(blob);
      if (linked != null && !linked.isAfter(limit) && !isNamed(model.manifests.keySet(), blob)) {
        model.links.remove(blob);
        unlinked.add(blob.toString());
      }
      Instant came = contents.get(blob);
      if (came != null
          && !came.isAfter(limit)
          && models.values().stream().noneMatch(each -> each.links.containsKey(blob))
          && !isNamed(stored, blob)
          && !isRead(blob)) {
        contents.remove(blob);
        removed.add(blob.toString());
      }
    }
    assertThat(pruned).as(which).isInstanceOf(Pruned.Removed.class);
    var done = (Pruned.Removed) pruned;
    assertThat(done.unlinked()).as(which).extracting(Digest::toString).hasSameElementsAs(unlinked);
    assertThat(done.blobs().keySet())
        .as(which)
        .extracting(Digest::toString)
        .hasSameElementsAs(removed);
    return done.blobs().values().stream().mapToLong(Long::longValue).sum();
  }

  private boolean isNeeded(Place place, Instant limit) {
    Model model = model(place.name());
    Digest digest = place.sample().digest();
    Set<Sample> here = model.manifests.keySet();
    return model.tags.containsValue(digest)
        || model.pins.contains(digest)
        || isNamed(here, digest)
        || place.sample().subject().filter(one -> isThere(here, one)).isPresent()
        || model.manifests.getOrDefault(place.sample(), Instant.EPOCH).isAfter(limit);
  }

  private boolean isRead(Digest blob) {
    return readers.stream().anyMatch(reader -> reader.digest().equals(blob))
        || downloads.keySet().stream().anyMatch(i -> Digest.of(BLOBS.get(i)).equals(blob));
  }

  private static boolean isNamed(Collection<Sample> manifests, Digest digest) {
    return manifests.stream().anyMatch(each -> each.named().contains(digest));
  }

  private static boolean isThere(Collection<Sample> manifests, Digest digest) {
    return manifests.stream().anyMatch(each -> each.digest().equals(digest));
  }

  /**
   * Returns what is tagged, pinned or young, with its children, each with the blobs of it that the
   * repository can hand out now.
   */
  private Map<Place, Set<Digest>> inUse(Store store, Instant limit) {
    var used = new HashMap<Place, Set<Digest>>();
    for (RepositoryName name : NAMES) {
      Model model = model(name);
      var queue = new ArrayDeque<Sample>();
      model.manifests.forEach((sample, time) -> {
        if (model.tags.containsValue(sample.digest())
            || model.pins.contains(sample.digest())
            || time.isAfter(limit)) {
          queue.add(sample);
        }
      });
      while (!queue.isEmpty()) {
        Sample sample = queue.remove();
        var blobs = new HashSet<>(sample.named());
        blobs.removeIf(
            blob -> !store.blobs().isLinked(name, blob) || store.blobs().size(blob).isEmpty());
        if (model.manifests.containsKey(sample)
            && used.put(new Place(name, sample), blobs) == null) {
          queue.addAll(sample.children());
        }
      }
    }
    return used;
  }

  private static void assertWhole(Store store, Place place, Set<Digest> blobs, String when)
      throws IOException {
    assertThat(store.repositories().manifest(place.name(), place.sample().digest()))
        .as(when + ": " + place.name() + " " + place.sample().digest())
        .isPresent();
    for (Digest blob : blobs) {
      assertThat(store.blobs().isLinked(place.name(), blob)).as(when + ": " + blob).isTrue();
      try (Blob open = store.blobs().open(blob).orElseThrow()) {
        assertThat(Digest.of(open.readAll())).as(when).isEqualTo(blob);
      }
    }
  }

  private void compare(Store store, String when) {
    for (RepositoryName name : NAMES) {
      Model model = model(name);
      for (Sample sample : samples) {
        assertThat(store.repositories().manifest(name, sample.digest()).isPresent())
            .as(when)
            .isEqualTo(model.manifests.containsKey(sample));
        assertThat(store.repositories().lastUsed(name, sample.digest()))
            .as(when)
            .isEqualTo(Optional.ofNullable(model.manifests.get(sample)));
        assertThat(store.repositories().keepers(sample.digest()).contains(name))
            .as(when)
            .isEqualTo(model.manifests.containsKey(sample));
      }
      for (byte[] blob : BLOBS) {
        Digest digest = Digest.of(blob);
        assertThat(store.blobs().isLinked(name, digest))
            .as(when + ": " + name + " " + digest)
            .isEqualTo(model.links.containsKey(digest));
        assertThat(store.blobs().size(digest).isPresent())
            .as(when + ": " + digest)
            .isEqualTo(contents.containsKey(digest));
      }
    }
  }

  private void step(SplittableRandom random, Store store) throws IOException {
    RepositoryName name = any(random, NAMES);
    Model model = model(name);
    Sample sample = any(random, samples);
    Tag tag = any(random, TAGS);
    int blob = random.nextInt(BLOBS.size());
    Digest digest = Digest.of(BLOBS.get(blob));
    Repositories repositories = store.repositories();
    switch (random.nextInt(16)) {
      case 0, 1, 2, 3 -> {
        for (Digest named : sample.named()) {
          if (model.links.containsKey(named)) {
            store.blobs().keep(name, named);
            model.links.put(named, clock.instant());
          }
        }
        put(store, name, sample, Origin.PUSHED, random.nextInt(3) == 0 ? List.of(tag) : List.of());
      }
      case 4, 5 -> {
        put(store, name, sample, Origin.CACHED, random.nextInt(3) == 0 ? List.of(tag) : List.of());
        sample.named().stream()
            .filter(each -> samples.stream().noneMatch(one -> one.digest().equals(each)))
            .forEach(each -> model.links.put(each, clock.instant()));
      }
      case 6 -> {
        Pushes.blob(store, name, BLOBS.get(blob));
        contents.putIfAbsent(digest, clock.instant());
        model.links.put(digest, clock.instant());
      }
      case 7 -> {
        if (!downloads.containsKey(blob)) {
          Pushes.fetched(store, BLOBS.get(blob));
          contents.putIfAbsent(digest, clock.instant());
        }
      }
      case 8 -> {
        if (store.blobs().link(name, digest, Origin.PUSHED)) {
          model.links.put(digest, clock.instant());
        }
      }
      case 9 -> {
        repositories.untag(name, TAGS, List.of());
        model.tags.clear();
      }
      case 10 -> {
        if (!model.pins.removeIf(pin -> isUnpinned(repositories, name, pin))) {
          repositories.pin(name, sample.digest());
          model.pins.add(sample.digest());
        }
      }
      case 11 -> {
        repositories.used(name, sample.digest());
        model.manifests.computeIfPresent(sample, (each, time) -> clock.instant());
      }
      case 12 -> {
        repositories.delete(name, sample.digest());
        model.manifests.remove(sample);
        model.tags.values().removeIf(sample.digest()::equals);
      }
      case 13 -> read(store, digest);
      case 14 -> download(store, blob);
      default -> upload(store, blob);
    }
  }

  private void put(Store store, RepositoryName name, Sample sample, Origin origin, List<Tag> tags)
      throws IOException {
    Pushes.manifest(
        store, name, sample.bytes(), origin, tags.stream().map(Tag::name).toArray(String[]::new));
    Model model = model(name);
    model.manifests.put(sample, clock.instant());
    stored.add(sample);
    for (Tag tag : tags) {
      model.tags.put(tag, store.repositories().tag(name, tag).orElseThrow().digest());
    }
  }

  private static boolean isUnpinned(Repositories repositories, RepositoryName name, Digest pin) {
    try {
      return repositories.unpin(name, pin);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private void read(Store store, Digest blob) throws IOException {
    if (readers.size() < 2) {
      store.blobs().open(blob).ifPresent(readers::add);
    } else {
      readers.removeFirst().release();
    }
  }

  /** Begins a download, or goes on with one to its end. */
  private void download(Store store, int blob) throws IOException {
    byte[] content = BLOBS.get(blob);
    PartialBlob begun = downloads.remove(blob);
    if (begun == null) {
      PartialBlob partial = store.blobs().partial(Digest.of(content));
      partial.append(ByteBuffer.wrap(content, 0, 3), length -> {});
      downloads.put(blob, partial);
    } else {
      begun.append(ByteBuffer.wrap(content, 3, content.length - 3), length -> {});
      begun.commit();
      begun.close();
      contents.putIfAbsent(Digest.of(content), clock.instant());
    }
  }

  /** Begins an upload, or goes on with one to its end. */
  private void upload(Store store, int blob) throws IOException {
    byte[] content = BLOBS.get(blob);
    RepositoryName name = NAMES.get(blob % NAMES.size());
    Upload begun = uploads.remove(blob);
    if (begun == null) {
      Upload upload = store.uploads().start(name, "somebody", Digest.Algorithm.SHA256);
      Pushes.append(upload, Arrays.copyOf(content, 4));
      uploads.put(blob, upload);
    } else {
      Pushes.append(begun, Arrays.copyOfRange(content, 4, content.length));
      Pushes.finish(begun, Digest.of(content));
      contents.putIfAbsent(Digest.of(content), clock.instant());
      model(name).links.put(Digest.of(content), clock.instant());
    }
  }

  private void letGo() throws IOException {
    readers.forEach(Blob::release);
    readers.clear();
    for (PartialBlob partial : downloads.values()) {
      partial.close();
    }
    downloads.clear();
  }

  private void makeSamples(SplittableRandom random) {
    for (int i = 0; i < 9; i++) {
      Optional<Digest> subject =
          i > 0 && random.nextInt(4) == 0
              ? Optional.of(any(random, samples).digest())
              : Optional.empty();
      boolean isIndex = i > 3 && random.nextInt(2) == 0;
      List<Sample> children =
          isIndex ? List.of(any(random, samples), any(random, samples)) : List.of();
      int[] blobs =
          isIndex ? new int[0] : random.ints(random.nextInt(4), 0, BLOBS.size()).toArray();
      Digest[] digests =
          IntStream.of(blobs).mapToObj(BLOBS::get).map(Digest::of).toArray(Digest[]::new);
      byte[] bytes =
          isIndex
              ? Pushes.index(
                  "sample " + i,
                  subject,
                  children.stream().map(Sample::digest).toArray(Digest[]::new))
              : Pushes.image("sample " + i, subject, digests);
      var named = new HashSet<Digest>(List.of(digests));
      if (isIndex) {
        children.forEach(child -> named.add(child.digest()));
      } else {
        named.add(Digest.of(new byte[0])); // its configuration
      }
      samples.add(new Sample(bytes, Digest.of(bytes), named, children, subject));
    }
  }

  private Model model(RepositoryName name) {
    return models.getOrDefault(name, new Model());
  }

  private static <T> T any(SplittableRandom random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }
}
