package dev.cistern.server.streams;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.mirror.ParsedManifest;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.storage.Objects;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoredManifest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class StreamPushesTest {
  private static final RepositoryName APP = new RepositoryName("team/app");
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.parse("2026-11-01T00:00:00Z"));

  @TempDir private Path directory;
  private Store store;
  private Streams streams;
  private StreamPushes pushes;

  @BeforeEach
  void open() throws IOException {
    store = Store.open(directory, CLOCK);
    streams =
        new Streams(new ClusterObjects(store.objects(), CLOCK), store.repositories(), Notices.NONE);
    pushes =
        new StreamPushes(
            streams,
            new Pruner(streams, store.repositories(), PruneSettings.USUAL, CLOCK),
            store.blobs(),
            CLOCK);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  @Test
  void aPushMakesTheStreamAndTheImage() throws IOException {
    Digest image = push(APP, "one", true, "v1", "v2");

    ImageStream stream = streams.require("team", "app");
    assertThat(stream.tags()).isEmpty();
    assertThat(stream.generation()).isEqualTo(1);
    for (String tag : List.of("v1", "v2")) {
      assertThat(stream.history(tag).items())
          .containsExactly(
              new TagEvent(CLOCK.instant(), "r.example/team/app@" + image, image.toString(), 1));
    }
    ObjectNode object = streams.objects().require(Kinds.IMAGE, "", image.toString());
    assertThat(object.path("dockerImageReference").asString(""))
        .isEqualTo("r.example/team/app@" + image);
    assertThat(object.path("metadata").path("annotations").path("openshift.io/image.managed"))
        .hasToString("\"true\"");
  }

  @Test
  void anotherPushIsPutBeforeAndTheSameChangesNothing() throws IOException {
    Digest one = push(APP, "one", true, "v1");
    Digest two = push(APP, "two", true, "v1");
    ImageStream stream = streams.require("team", "app");

    assertThat(stream.history("v1").items())
        .extracting(TagEvent::image)
        .containsExactly(two.toString(), one.toString());
    assertThat(stream.generation()).isEqualTo(2);
    push(APP, "two", true, "v1");
    assertThat(streams.require("team", "app")).isEqualTo(stream);
  }

  @Test
  void aPushWithoutATagMakesNoStream() throws IOException {
    Digest image = push(APP, "one", true);

    assertThat(streams.find("team", "app")).isEmpty();
    assertThat(streams.objects().get(Kinds.IMAGE, "", image.toString())).isPresent();
  }

  @Test
  void otherRepositoriesAreNoStreams() throws IOException {
    push(new RepositoryName("app"), "one", true, "v1");
    push(new RepositoryName("quay.io/team/app"), "one", true, "v1");

    assertThat(streams.objects().each(Kinds.IMAGE_STREAM, Optional.empty())).isEmpty();
    assertThat(streams.objects().each(Kinds.IMAGE, Optional.empty())).isEmpty();
  }

  @Test
  void whoMayNotOverwriteMayPushNewTagsOnly() throws IOException {
    Digest one = push(APP, "one", false, "v1");
    push(APP, "one", false, "v1", "v2");

    assertThatThrownBy(() -> push(APP, "two", false, "v3", "v1"))
        .isInstanceOf(OciException.class)
        .hasMessageContaining("the tag v1 of image stream team/app is there and points elsewhere");

    ImageStream stream = streams.require("team", "app");
    assertThat(stream.history()).containsOnlyKeys("v1", "v2");
    assertThat(stream.latest("v1")).map(TagEvent::image).contains(one.toString());
    assertThat(store.repositories().tags(APP, "", 9)).containsExactly("v1", "v2");
  }

  @Test
  void anAliasFollowsAPush() throws IOException {
    push(APP, "one", true, "v1");
    var alias =
        new SpecTag(
            "stable",
            Map.of(),
            Optional.of(new SourceReference(SourceReference.STREAM_TAG, "", "v1")),
            false,
            OptionalLong.of(1),
            ImportPolicy.USUAL,
            false);
    streams.change("team", "app", before -> Streams.Changed.of(before.orElseThrow().with(alias)));

    Digest two = push(APP, "two", true, "v1");

    assertThat(streams.require("team", "app").latest("stable"))
        .map(TagEvent::image)
        .contains(two.toString());
  }

  @Test
  void whatIsDeletedIsForgotten() throws IOException {
    Digest one = push(APP, "one", true, "v1", "v2");
    Digest two = push(APP, "two", true, "v1");

    assertThat(pushes.delete(APP, one)).isTrue();
    assertThat(pushes.delete(APP, one)).isFalse();
    ImageStream stream = streams.require("team", "app");
    assertThat(stream.history()).containsOnlyKeys("v1");
    assertThat(stream.latest("v1")).map(TagEvent::image).contains(two.toString());

    assertThat(pushes.delete(APP, new Tag("v1"))).isTrue();
    assertThat(streams.require("team", "app").history()).isEmpty();
    assertThat(pushes.delete(APP, new Tag("v1"))).isFalse();
    assertThat(pushes.delete(new RepositoryName("team/none"), one)).isFalse();
    assertThat(pushes.delete(new RepositoryName("app"), one)).isFalse();
  }

  @Test
  void aStreamThatIsTooLongForgetsWhatItsTagsWere() throws IOException {
    push(APP, "one", true, "v1");
    fill((stream, count) -> stream.with("v1", history(count)));

    Digest two = push(APP, "two", true, "v1");

    assertThat(streams.require("team", "app").history("v1").items())
        .extracting(TagEvent::image)
        .containsExactly(two.toString());
  }

  @Test
  void aTagForWhichThereIsNoRoomIsTheRegistrysAlone() throws IOException {
    push(APP, "one", true, "v1");
    fill((stream, count) -> {
      var tags = new TreeMap<String, TagHistory>();
      for (int i = 0; i < count; i++) {
        tags.put("t" + i, history(1));
      }
      return stream.withHistory(tags);
    });
    ImageStream full = streams.require("team", "app");

    Digest two = push(APP, "two", true, "new", "newer");

    assertThat(streams.require("team", "app")).isEqualTo(full);
    assertThat(store.repositories().manifest(APP, two)).isPresent();
    assertThat(store.repositories().tags(APP, "", 9)).contains("new", "newer");
  }

  /** Has the stream have as much of something as there is room for. */
  private void fill(BiFunction<ImageStream, Integer, ImageStream> with) throws IOException {
    streams.change(
        "team",
        "app",
        before -> {
          int most = 0;
          for (int step = 1 << 13; step > 0; step /= 2) {
            most += isStorable(with.apply(before.orElseThrow(), most + step)) ? step : 0;
          }
          return Streams.Changed.of(with.apply(before.orElseThrow(), most));
        });
  }

  private static boolean isStorable(ImageStream stream) {
    return Objects.isStorable(stream.json().toString());
  }

  private static TagHistory history(int count) {
    String repository = "r.example/team/app";
    var items = new ArrayList<TagEvent>();
    for (int i = 0; i < count; i++) {
      String digest = Digest.of(("" + i).getBytes(UTF_8)).toString();
      items.add(new TagEvent(CLOCK.instant(), repository + "@" + digest, digest, 1));
    }
    return TagHistory.NONE.with(items);
  }

  private Digest push(
      RepositoryName repository, String annotation, boolean mayOverwrite, String... tags)
      throws IOException {
    byte[] bytes =
        "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a/b\",\"digest\":\"%s\",\"size\":1},\"layers\":[],\"annotations\":{\"a\":\"%s\"}}"
            .formatted(Digest.of(new byte[0]), annotation)
            .getBytes(UTF_8);
    Manifest manifest = Manifest.parse(bytes, Optional.empty());
    var stored = new StoredManifest(Digest.of(bytes), manifest.mediaType(), bytes);
    List<Tag> all = Arrays.stream(tags).map(Tag::new).toList();
    pushes.pushed(
        repository,
        new ParsedManifest(stored, manifest),
        all,
        "r.example",
        mayOverwrite,
        edits ->
            store
                .repositories()
                .put(repository, stored, manifest, all, Origin.PUSHED, mayOverwrite, edits));
    return stored.digest();
  }
}
