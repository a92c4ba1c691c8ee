package dev.cistern.server.streams;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.mirror.ParsedManifest;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoredManifest;
import dev.cistern.storage.Upload;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each prune is tried first, and must then do just that. */
class PrunerTest {
  private static final RepositoryName APP = new RepositoryName("team/app");
  private static final RepositoryName OTHER = new RepositoryName("team/other");
  private static final Duration HOUR = Duration.ofHours(1);
  private static final PruneSettings ONE = new PruneSettings(HOUR, 1, Optional.empty());

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-11-01T00:00:00Z"));
  private final InstantSource clock = now::get;
  private final List<String> report = new ArrayList<>();
  @TempDir private Path directory;
  private Store store;
  private Streams streams;
  private StreamPushes pushes;
  private Pruner pruner;

  @BeforeEach
  void open() throws IOException {
    store = Store.open(directory, clock);
    streams =
        new Streams(new ClusterObjects(store.objects(), clock), store.repositories(), Notices.NONE);
    pruner = new Pruner(streams, store.repositories(), ONE, clock);
    pushes = new StreamPushes(streams, pruner, store.blobs(), clock);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  @Test
  void nothingIsRemovedFromNothing() throws IOException {
    assertThat(prune(ONE).isEmpty()).isTrue();
    assertThat(report).isEmpty();
  }

  @Test
  void itemsBeyondTheNewestGoWithTheirImagesAndBlobs() throws IOException {
    Digest layer = blob(APP, "old");
    Digest old = push(APP, image("1", layer), "v1");
    later();
    Digest shared = blob(APP, "shared");
    Digest second = push(APP, image("2", shared), "v1");
    later();
    Digest third = push(APP, image("3", shared), "v1");
    later();

    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(2, 2, 3, 1, 3));

    assertThat(report)
        .containsExactlyInAnyOrder(
            "items team/app 2",
            "manifest team/app " + old,
            "manifest team/app " + second,
            "blob " + layer + " 3",
            "image " + old + " 3",
            "image " + second + " 0");
    assertThat(images("v1")).containsExactly(third.toString());
    assertThat(store.repositories().keepers(old)).isEmpty();
    assertThat(store.blobs().size(layer)).isEmpty();
    assertThat(store.blobs().size(shared)).isPresent();
    assertThat(prune(ONE).isEmpty()).isTrue();
  }

  @Test
  void whatIsYoungStays() throws IOException {
    push(APP, image("1"), "v1");
    push(APP, image("2"), "v1");
    push(APP, image("3"), "v1");
    now.set(now.get().plus(HOUR).minusSeconds(1));

    assertThat(prune(ONE).isEmpty()).isTrue();
    now.set(now.get().plusSeconds(1));
    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(2, 2, 2, 0, 0));
  }

  @Test
  void theUsualKeepsThree() throws IOException {
    for (int i = 0; i < 5; i++) {
      push(APP, image("" + i), "v1");
    }
    later();

    assertThat(prune(PruneSettings.USUAL).items()).isEqualTo(2);
    assertThat(images("v1")).hasSize(3);
  }

  @Test
  void whatIsPulledByDigestOrPinnedStays() throws IOException {
    Digest pulled = push(APP, image("1"), "v1");
    Digest pinned = push(APP, image("2"), "v1");
    Digest latest = push(APP, image("3"), "v1");
    later();
    store.repositories().used(APP, pulled);
    store.repositories().pin(APP, pinned);

    assertThat(prune(ONE).isEmpty()).isTrue();

    later();
    store.repositories().unpin(APP, pinned);
    assertThat(prune(ONE).images()).isEqualTo(2);
    assertThat(images("v1")).containsExactly(latest.toString());
  }

  @Test
  void anIndexGoesWithItsChildren() throws IOException {
    Digest first = push(APP, image("1", blob(APP, "one")));
    Digest second = push(APP, image("2", blob(APP, "two")));
    Digest index = push(APP, index("i", first, second), "v1");
    push(APP, image("3"), "v1");
    later();

    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(3, 1, 5, 2, 6));
    for (Digest gone : List.of(first, second, index)) {
      assertThat(store.repositories().keepers(gone)).isEmpty();
      assertThat(hasImage(gone)).isFalse();
    }
  }

  @Test
  void anIndexThatStaysKeepsItsChildren() throws IOException {
    Digest child = push(APP, image("1", blob(APP, "one")));
    Digest index = push(APP, index("i", child), "v1");
    later();

    assertThat(prune(ONE).isEmpty()).isTrue();
    assertThat(hasImage(child)).isTrue();

    streams.removeTag("team", "app", "v1");
    store.repositories().used(APP, index);
    assertThat(prune(ONE).isEmpty()).as("pulled by digest").isTrue();
    assertThat(hasImage(child)).isTrue();
  }

  @Test
  void aChildThatIsUsedKeepsItselfAndNotTheIndex() throws IOException {
    Digest tagged = push(APP, image("1", blob(APP, "one")), "amd64");
    Digest pulled = push(APP, image("2", blob(APP, "two")));
    Digest unused = push(APP, image("3", blob(APP, "three")));
    Digest index = push(APP, index("i", tagged, pulled, unused), "v1");
    streams.removeTag("team", "app", "v1");
    later();
    store.repositories().used(APP, pulled);

    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(2, 0, 3, 1, 5));

    assertThat(hasImage(index)).isFalse();
    assertThat(hasImage(unused)).isFalse();
    assertThat(hasImage(tagged)).isTrue();
    assertThat(hasImage(pulled)).isTrue();
    assertThat(store.blobs().size(Digest.of("two".getBytes(UTF_8)))).isPresent();
  }

  @Test
  void aYoungIndexKeepsChildrenThatAreOld() throws IOException {
    Digest child = push(APP, image("1", blob(APP, "one")));
    later();
    // As an import does: the index is known, and no repository keeps it.
    imported(index("i", child));

    assertThat(prune(ONE).isEmpty()).isTrue();
    assertThat(hasImage(child)).isTrue();

    later();
    assertThat(prune(ONE).images()).isEqualTo(2);
  }

  @Test
  void anImageOfTwoStreamsGoesFromBothAndIsTriedSo() throws IOException {
    Digest layer = blob(APP, "layer");
    store.blobs().link(OTHER, layer, Origin.PUSHED);
    Digest image = push(APP, image("1", layer), "v1");
    push(OTHER, image("1", layer), "v1");
    streams.removeTag("team", "app", "v1");
    later();

    assertThat(prune(ONE).isEmpty()).as("the other stream names it").isTrue();
    streams.removeTag("team", "other", "v1");
    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(1, 0, 4, 1, 5));
    assertThat(store.repositories().keepers(image)).isEmpty();
  }

  @Test
  void aLayerThatImagesOfTwoStreamsShareIsTriedAsItGoes() throws IOException {
    Digest layer = blob(APP, "layer");
    store.blobs().link(OTHER, layer, Origin.PUSHED);
    push(APP, image("1", layer));
    push(OTHER, image("2", layer));
    later();

    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(2, 0, 4, 1, 5));
  }

  @Test
  void signaturesGoWithWhatTheySign() throws IOException {
    for (int i = 0; i < 4; i++) {
      String number = "" + i;
      Digest image = push(APP, image(number), "v" + i);
      push(APP, signature(number, image));
    }
    later();
    assertThat(prune(ONE).isEmpty()).as("what they sign stays").isTrue();

    streams.removeTag("team", "app", "v1");
    streams.removeTag("team", "app", "v2");
    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(4, 0, 4, 0, 0));
  }

  @Test
  void inOneNamespaceOnlyWhatIsKeptNowhereElseGoes() throws IOException {
    RepositoryName elsewhere = new RepositoryName("else/app");
    Digest here = push(APP, image("1"), "v1");
    push(APP, image("2"), "v1");
    Digest there = push(elsewhere, image("3"), "v1");
    push(elsewhere, image("4"), "v1");
    Digest both = push(APP, image("5"));
    push(elsewhere, image("5"));
    later();

    assertThat(prune(new PruneSettings(HOUR, 1, Optional.of("team"))))
        .isEqualTo(new Pruner.Summary(1, 1, 1, 0, 0));
    assertThat(hasImage(here)).isFalse();
    assertThat(hasImage(there)).isTrue();
    assertThat(hasImage(both)).isTrue();
    assertThat(prune(ONE)).isEqualTo(new Pruner.Summary(2, 1, 3, 0, 0));
  }

  @Test
  void aTagOfTheRegistryKeepsAnImageThatNoStreamNames() throws IOException {
    Digest image = push(APP, image("1"), "v1");
    streams.remove(streams.require("team", "app"));
    put(APP, image("1"), "v1");
    later();

    assertThat(prune(ONE).isEmpty()).isTrue();
    assertThat(hasImage(image)).isTrue();
    store.repositories().delete(APP, new Tag("v1"));
    assertThat(prune(ONE).images()).isEqualTo(1);
  }

  @Test
  void whatIsNamedMeanwhileStaysWithItsChildren() throws IOException {
    Digest child = push(APP, image("1", blob(APP, "one")));
    Digest index = push(APP, index("i", child));
    Digest first = push(APP, index("first to go", child));
    for (int i = 0; first.toString().compareTo(index.toString()) > 0; i++) {
      first = push(APP, index("first to go " + i, child)); // images go in the order of digests
    }
    later();

    Pruner.Summary summary =
        pruner.run(
            ONE,
            false,
            new Told() {
              @Override
              public void image(String digest, long bytes) {
                name(index);
              }
            });

    assertThat(summary.images()).isPositive();
    assertThat(hasImage(first)).isFalse();
    assertThat(hasImage(index)).isTrue();
    assertThat(hasImage(child)).isTrue();
    assertThat(store.repositories().keepers(child)).containsExactly(APP);
    assertThat(store.blobs().size(Digest.of("one".getBytes(UTF_8)))).isPresent();
  }

  /** Has a stream name an image, as an import does. */
  private void name(Digest image) {
    var event = new TagEvent(now.get(), "quay.io/a@" + image, image.toString(), 1);
    try {
      streams.change(
          "team",
          "late",
          before ->
              Streams.Changed.of(
                  before
                      .orElseGet(() -> ImageStream.empty("team", "late"))
                      .with("v1", TagHistory.NONE.and(event))));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void saysWhyAnImageStays() throws IOException {
    Digest image = push(APP, image("1"), "v1");
    var removed = new ArrayList<String>();
    Pruner.Removal removal = () -> removed.add("removed");
    assertThat(pruner.remove(image.toString(), removal))
        .contains("team/app was asked for it at 2026-11-01T00:00:00Z");

    later();
    assertThat(pruner.remove(image.toString(), removal)).contains("image stream team/app names it");
    store.repositories().pin(APP, image);
    assertThat(pruner.remove(image.toString(), removal)).contains("it is pinned in team/app");
    assertThat(removed).isEmpty();

    store.repositories().unpin(APP, image);
    streams.removeTag("team", "app", "v1");
    assertThat(pruner.remove(image.toString(), removal)).isEmpty();
    assertThat(removed).containsExactly("removed");
  }

  /** Random pushes, tags, pins and pulls in three streams, and prunes of all kinds among them. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void aTrialKnowsWhatAPruneDoesAndWhatStreamsNameIsWhole(long seed) throws IOException {
    var random = new SplittableRandom(seed);
    List<RepositoryName> names = List.of(APP, OTHER, new RepositoryName("else/app"));
    var pushed = new ArrayList<Digest>();
    for (int step = 1; step <= 80; step++) {
      now.set(now.get().plusSeconds(61 + random.nextInt(900)));
      RepositoryName name = names.get(random.nextInt(names.size()));
      String[] path = name.path().split("/", -1);
      Digest some = pushed.isEmpty() ? Digest.of(new byte[0]) : any(random, pushed);
      switch (random.nextInt(12)) {
        case 0, 1, 2, 3 -> {
          Digest layer = blob(name, "layer " + random.nextInt(5));
          pushed.add(push(name, image("" + random.nextInt(15), layer), tags(random)));
        }
        case 4, 5 -> {
          if (!store.repositories().keepers(some).isEmpty()) {
            RepositoryName there = store.repositories().keepers(some).getFirst();
            pushed.add(push(there, index("" + random.nextInt(9), some), tags(random)));
          }
        }
        case 6 -> pushed.add(push(name, signature("" + random.nextInt(9), some)));
        case 7 -> store.repositories().used(name, some);
        case 8 -> {
          if (!store.repositories().unpin(name, some)) {
            store.repositories().pin(name, some);
          }
        }
        case 9 -> {
          if (streams.find(path[0], path[1]).isPresent()) {
            streams.removeTag(path[0], path[1], "v" + random.nextInt(3));
          }
        }
        default -> {
          String when = "seed " + seed + ", step " + step;
          long before = store.usage().bytes();
          Optional<String> namespace =
              random.nextInt(3) == 0 ? Optional.of("team") : Optional.empty();
          Duration young = Duration.ofMinutes(random.nextInt(120));
          Pruner.Summary summary =
              prune(new PruneSettings(young, 1 + random.nextInt(2), namespace));
          assertThat(store.usage().bytes()).as(when).isEqualTo(before - summary.bytes());
          assertWhole(when);
          assertThat(pushed)
              .as(when)
              .allMatch(image -> !isUsed(image, now.get().minus(young)) || hasImage(image));
        }
      }
    }
  }

  private boolean isUsed(Digest image, Instant limit) {
    return store.repositories().keepers(image).stream()
        .anyMatch(name ->
            store.repositories().isPinned(name, image)
                || store.repositories().lastUsed(name, image).orElseThrow().isAfter(limit));
  }

  /** Checks that all that streams name, and what that names, is there with its layers. */
  private void assertWhole(String when) throws IOException {
    var images = new StreamImages(streams.objects());
    for (var json : streams.objects().each(Kinds.IMAGE_STREAM, Optional.empty())) {
      ImageStream stream = ImageStream.of(json);
      var name = new RepositoryName(stream.namespace() + "/" + stream.name());
      for (String image : images.all(stream)) {
        String which = when + ", " + name + " " + image;
        assertThat(hasImage(Digest.parse(image))).as(which).isTrue();
        StoredManifest stored =
            store.repositories().manifest(name, Digest.parse(image)).orElseThrow();
        List<Digest> layers =
            Manifest.parse(stored.bytes(), Optional.empty())
                .blobs()
                .map(blob -> blob.digest())
                .filter(blob -> !blob.equals(Digest.of(new byte[0])))
                .toList();
        for (Digest layer : layers) {
          assertThat(store.blobs().isLinked(name, layer)).as(which).isTrue();
          assertThat(store.blobs().size(layer)).as(which).isPresent();
        }
      }
    }
  }

  private static String[] tags(SplittableRandom random) {
    return random.nextBoolean() ? new String[] {"v" + random.nextInt(3)} : new String[0];
  }

  private static <T> T any(SplittableRandom random, List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  private void later() {
    now.set(now.get().plus(HOUR));
  }

  private Pruner.Summary prune(PruneSettings settings) throws IOException {
    Pruner.Summary tried = pruner.run(settings, true, new Told());
    var said = List.copyOf(report);
    Pruner.Summary done = pruner.run(settings, false, new Told());
    assertThat(tried).as("tried").isEqualTo(done);
    assertThat(said).as("said of the trial").isEqualTo(report);
    return done;
  }

  /** Writes down what is said. */
  private class Told implements Pruner.Report {
    Told() {
      report.clear();
    }

    @Override
    public void items(String namespace, String name, int count) {
      report.add("items " + namespace + "/" + name + " " + count);
    }

    @Override
    public void blob(String digest, long bytes) {
      report.add("blob " + digest + " " + bytes);
    }

    @Override
    public void image(String digest, long bytes) {
      report.add("image " + digest + " " + bytes);
    }

    @Override
    public void manifest(String repository, String digest) {
      report.add("manifest " + repository + " " + digest);
    }
  }

  private List<String> images(String tag) {
    return streams.require("team", "app").history(tag).items().stream()
        .map(TagEvent::image)
        .toList();
  }

  private boolean hasImage(Digest digest) {
    return streams.objects().get(Kinds.IMAGE, "", digest.toString()).isPresent();
  }

  private Digest blob(RepositoryName repository, String content) throws IOException {
    byte[] bytes = content.getBytes(UTF_8);
    Digest digest = Digest.of(bytes);
    Upload upload = store.uploads().start(repository, "somebody", digest.algorithm());
    try (Upload.Hold hold = upload.hold()) {
      hold.append(ByteBuffer.wrap(bytes));
      hold.finish(digest);
    }
    return digest;
  }

  /** Pushes as a client does: the manifest, its object and the stream's items together. */
  private Digest push(RepositoryName repository, byte[] bytes, String... tags) throws IOException {
    ParsedManifest pushed = fetched(bytes);
    List<Tag> all = Arrays.stream(tags).map(Tag::new).toList();
    pushes.pushed(
        repository,
        pushed,
        all,
        "r.example",
        true,
        edits ->
            store
                .repositories()
                .put(
                    repository,
                    pushed.stored(),
                    pushed.manifest(),
                    all,
                    Origin.PUSHED,
                    true,
                    edits));
    return pushed.stored().digest();
  }

  /** Stores a manifest with a tag that no stream knows. */
  private void put(RepositoryName repository, byte[] bytes, String tag) throws IOException {
    ParsedManifest pushed = fetched(bytes);
    store
        .repositories()
        .put(repository, pushed.stored(), pushed.manifest(), List.of(new Tag(tag)), Origin.PUSHED);
  }

  private void imported(byte[] bytes) throws IOException {
    var json = ImageObject.of(fetched(bytes), "quay.io/a", Optional.empty(), now.get());
    ClusterObjects objects = streams.objects();
    assertThat(
            objects.change(
                Kinds.IMAGE,
                List.of(ClusterObjects.creation(Kinds.IMAGE, objects.born(Kinds.IMAGE, "", json)))))
        .isPresent();
  }

  private static ParsedManifest fetched(byte[] bytes) {
    Manifest manifest = Manifest.parse(bytes, Optional.empty());
    return new ParsedManifest(
        new StoredManifest(Digest.of(bytes), manifest.mediaType(), bytes), manifest);
  }

  private static byte[] image(String annotation, Digest... layers) {
    return manifest(annotation, "", layers);
  }

  private static byte[] signature(String annotation, Digest subject) {
    return manifest(annotation, ",\"subject\":" + descriptor(MediaType.OCI_IMAGE, subject));
  }

  private static byte[] manifest(String annotation, String more, Digest... layers) {
    return "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]%s,\"annotations\":{\"a\":\"%s\"}}"
        .formatted(
            descriptor(MediaType.OCTET_STREAM, Digest.of(new byte[0])),
            Stream.of(layers)
                .map(layer -> descriptor(MediaType.OCTET_STREAM, layer))
                .collect(Collectors.joining(",")),
            more,
            annotation)
        .getBytes(UTF_8);
  }

  private static byte[] index(String annotation, Digest... children) {
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[%s],\"annotations\":{\"a\":\"%s\"}}"
        .formatted(
            MediaType.OCI_INDEX.name(),
            Stream.of(children)
                .map(child -> descriptor(MediaType.OCI_IMAGE, child))
                .collect(Collectors.joining(",")),
            annotation)
        .getBytes(UTF_8);
  }

  private static String descriptor(MediaType mediaType, Digest digest) {
    return "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":1}"
        .formatted(mediaType.name(), digest);
  }
}
