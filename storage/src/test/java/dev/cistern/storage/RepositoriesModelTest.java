package dev.cistern.storage;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A store and plain maps are told the same, at random; then they must say the same. */
class RepositoriesModelTest {
  private static final int STEPS = 400;
  private static final int REOPEN_EVERY = 90;
  private static final List<RepositoryName> NAMES =
      List.of(new RepositoryName("a"), new RepositoryName("a/b"), new RepositoryName("a-b"));
  private static final List<Tag> TAGS =
      IntStream.range(0, 5).mapToObj(i -> new Tag("v" + i)).toList();
  private static final List<Digest> BLOBS =
      IntStream.range(0, 4).mapToObj(i -> Digest.of(Pushes.bytes("blob" + i))).toList();

  private final SetClock clock = new SetClock(Instant.parse("2026-11-01T00:00:00Z"));
  private final Map<RepositoryName, Model> models = new HashMap<>();
  private final List<Sample> samples = new ArrayList<>();

  /** A manifest that may be put anywhere. */
  private record Sample(byte[] bytes, Digest digest, Optional<Digest> subject, Set<Digest> blobs) {}

  /** What one repository must hold. */
  private static final class Model {
    private final Set<Sample> manifests = new HashSet<>();
    private final Map<String, StoredTag> tags = new TreeMap<>();
    private final Set<Digest> links = new HashSet<>();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void theStoreSaysWhatPlainMapsSay(long seed, @TempDir Path directory) throws IOException {
    var random = new SplittableRandom(seed);
    NAMES.forEach(name -> models.put(name, new Model()));
    makeSamples(random);
    Store store = Store.open(directory, clock);
    for (int i = 0; i < BLOBS.size(); i++) {
      Pushes.fetched(store, Pushes.bytes("blob" + i));
    }
    try {
      for (int step = 1; step <= STEPS; step++) {
        step(random, store);
        if (step % REOPEN_EVERY == 0) {
          store.close();
          store = Store.open(directory, clock);
        }
        if (step % 10 == 0) {
          compare(store, "seed " + seed + ", step " + step);
        }
      }
    } finally {
      store.close();
    }
  }

  private void makeSamples(SplittableRandom random) {
    for (int i = 0; i < 12; i++) {
      Optional<Digest> subject =
          i == 0 || random.nextBoolean()
              ? Optional.empty()
              : Optional.of(samples.get(random.nextInt(i)).digest());
      Digest blob = any(random, BLOBS);
      byte[] bytes = Pushes.image("sample " + i, subject, blob);
      samples.add(
          new Sample(bytes, Digest.of(bytes), subject, Set.of(blob, Digest.of(new byte[0]))));
    }
  }

  private void step(SplittableRandom random, Store store) throws IOException {
    clock.advance(Duration.ofSeconds(1));
    RepositoryName name = any(random, NAMES);
    Model model = model(name);
    Sample sample = any(random, samples);
    Tag tag = any(random, TAGS);
    Digest blob = any(random, BLOBS);
    Origin origin = any(random, List.of(Origin.values()));
    Repositories repositories = store.repositories();
    switch (random.nextInt(9)) {
      case 0, 1, 2 -> {
        List<Tag> tags = random.nextInt(4) == 0 ? List.of() : List.of(tag, any(random, TAGS));
        Pushes.manifest(
            store,
            name,
            sample.bytes(),
            origin,
            tags.stream().map(Tag::name).toArray(String[]::new));
        model.manifests.add(sample);
        tags.forEach(each -> putTag(model, each, sample.digest(), origin));
        if (origin == Origin.CACHED) {
          model.links.addAll(sample.blobs());
        }
      }
      case 3 ->
          assertThat(repositories.delete(name, tag))
              .isEqualTo(model.tags.remove(tag.name()) != null);
      case 4 -> {
        assertThat(repositories.delete(name, sample.digest()))
            .isEqualTo(model.manifests.remove(sample));
        model.tags.values().removeIf(stored -> stored.digest().equals(sample.digest()));
      }
      case 5 -> {
        repositories.confirm(name, tag, sample.digest());
        StoredTag old = model.tags.get(tag.name());
        if (old != null && old.digest().equals(sample.digest())) {
          putTag(model, tag, sample.digest(), Origin.CACHED);
        }
      }
      case 6 -> {
        assertThat(store.blobs().link(name, blob, origin)).as("its content is here").isTrue();
        model.links.add(blob);
      }
      case 7 -> assertThat(store.blobs().unlink(name, blob)).isEqualTo(model.links.remove(blob));
      default -> {
        assertThat(store.blobs().link(name, sample.digest(), origin)).isFalse();
        if (origin == Origin.CACHED) {
          model.links.add(sample.digest());
        }
      }
    }
  }

  private void putTag(Model model, Tag tag, Digest digest, Origin origin) {
    StoredTag old = model.tags.get(tag.name());
    if (old == null || old.origin() == Origin.CACHED || origin == Origin.PUSHED) {
      model.tags.put(tag.name(), new StoredTag(digest, origin, clock.instant()));
    }
  }

  private void compare(Store store, String when) {
    var existing = new TreeSet<String>();
    for (RepositoryName name : NAMES) {
      Model model = model(name);
      if (!model.manifests.isEmpty()) {
        existing.add(name.path());
      }
      compare(store, name, model, when + ", " + name);
    }
    assertThat(store.repositories().repositories("", 99, name -> true))
        .as(when)
        .containsExactlyElementsOf(existing);
  }

  private void compare(Store store, RepositoryName name, Model model, String when) {
    Repositories repositories = store.repositories();
    assertThat(repositories.tags(name, "", 99))
        .as(when)
        .containsExactlyElementsOf(model.tags.keySet());
    for (Tag tag : TAGS) {
      assertThat(repositories.tag(name, tag))
          .as(when)
          .isEqualTo(Optional.ofNullable(model.tags.get(tag.name())));
    }
    for (Sample sample : samples) {
      Optional<StoredManifest> found = repositories.manifest(name, sample.digest());
      assertThat(found.isPresent()).as(when).isEqualTo(model.manifests.contains(sample));
      found.ifPresent(stored -> assertThat(stored.bytes()).isEqualTo(sample.bytes()));
      assertThat(store.blobs().isLinked(name, sample.digest()))
          .as(when)
          .isEqualTo(model.links.contains(sample.digest()));
      assertThat(repositories.referrers(name, sample.digest(), Optional.empty(), 99))
          .as(when)
          .extracting(Descriptor::digest)
          .containsExactlyInAnyOrderElementsOf(
              model.manifests.stream()
                  .filter(each -> each.subject().equals(Optional.of(sample.digest())))
                  .map(Sample::digest)
                  .toList());
    }
    for (Digest blob : BLOBS) {
      assertThat(store.blobs().isLinked(name, blob)).as(when).isEqualTo(model.links.contains(blob));
    }
  }

  private Model model(RepositoryName name) {
    return models.getOrDefault(name, new Model());
  }

  private static <T> T any(SplittableRandom random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }
}
