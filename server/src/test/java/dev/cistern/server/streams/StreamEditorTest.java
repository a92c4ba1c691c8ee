package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.mirror.rules.StreamContent;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.storage.Store;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class StreamEditorTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.parse("2026-11-01T00:00:00Z"));
  private static final StreamEditor.Context CONTEXT =
      new StreamEditor.Context("r.example", namespace -> true);
  private static final String ONE = "sha256:" + "1".repeat(64);

  @TempDir private Path directory;
  private Store store;
  private Streams streams;
  private StreamEditor editor;

  @BeforeEach
  void open() throws IOException {
    store = Store.open(directory, CLOCK);
    streams =
        new Streams(new ClusterObjects(store.objects(), CLOCK), store.repositories(), Notices.NONE);
    editor = new StreamEditor(streams, CLOCK);
  }

  @AfterEach
  void close() throws IOException {
    store.close();
  }

  @Test
  void aStreamIsMade() throws IOException {
    ImageStream made = create("{'metadata': {'name': 'app'}, 'status': {'tags': [{'tag': 'x'}]}}");

    assertThat(streams.find("default", "app")).contains(made);
    assertThat(made.generation()).isEqualTo(1);
    assertThat(made.resourceVersion()).isNotEmpty();
    assertThat(made.uid()).isNotEmpty();
    assertThat(made.created()).isEqualTo(CLOCK.instant());
    assertThat(made.history()).isEmpty();
  }

  @Test
  void aDryRunMakesNothing() throws IOException {
    ImageStream made =
        editor.create("default", json("{'metadata': {'name': 'app'}}"), CONTEXT, true);

    assertThat(made.name()).isEqualTo("app");
    assertThat(streams.find("default", "app")).isEmpty();
  }

  @Test
  void aNameIsMadeUp() throws IOException {
    assertThat(create("{'metadata': {'generateName': 'app-'}}").name()).matches("app-[0-9a-f]{5}");
  }

  @Test
  void aStreamIsMadeOnce() throws IOException {
    create("{'metadata': {'name': 'app'}}");

    assertThatThrownBy(() -> create("{'metadata': {'name': 'app'}}"))
        .isInstanceOf(ApiException.class)
        .hasMessage("imagestreams.image.openshift.io \"app\" already exists");
  }

  @Test
  void whatCannotBeIsNotMade() {
    assertThatThrownBy(() -> create("{'metadata': {'name': 'app', 'resourceVersion': '1'}}"))
        .hasMessage("resourceVersion should not be set on objects to be created");
    assertThatThrownBy(() -> create("{'metadata': {'name': 'A'}}"))
        .hasMessageStartingWith("ImageStream.image.openshift.io \"A\" is invalid: metadata.name: ");
    assertThatThrownBy(() ->
            create("{'metadata': {'name': 'a'}, 'spec': {'tags': [{'name': 'b', 'from': {}}]}}"))
        .hasMessage(
            "ImageStream.image.openshift.io \"a\" is invalid: [spec.tags[b].from.name: Required"
                + " value, spec.tags[b].from.kind: Required value: valid values are"
                + " 'DockerImage', 'ImageStreamImage', 'ImageStreamTag', spec.tags[b].from.name:"
                + " Invalid value: \"\": error generating tag event:"
                + " imagestreamimage.image.openshift.io \"\" not found]");
    assertThatThrownBy(
            () -> editor.create("none", json("{'metadata': {'name': 'a'}}"), CONTEXT, false))
        .hasMessage("namespaces \"none\" not found");
  }

  @Test
  void whatIsPutAsItWasReadChangesNothing() throws IOException {
    ImageStream made = create("{'metadata': {'name': 'app', 'labels': {'a': 'b'}}}");

    assertThat(editor.update("default", "app", ImageStream::json, CONTEXT, false)).isEqualTo(made);
    assertThat(streams.find("default", "app")).contains(made);
  }

  @Test
  void whatNobodyCanChangeStaysAsItWas() throws IOException {
    ImageStream made = create("{'metadata': {'name': 'app'}}");

    ImageStream changed =
        editor.update(
            "default",
            "app",
            before -> {
              ObjectNode json = before.json();
              metadata(json).put("uid", "other").put("generation", 99).put("namespace", "else");
              metadata(json).put("creationTimestamp", "2000-01-01T00:00:00Z");
              metadata(json).putObject("labels").put("a", "b");
              metadata(json).putArray("managedFields");
              ((ObjectNode) json.path("status")).putArray("tags").addObject().put("tag", "x");
              return json;
            },
            CONTEXT,
            false);

    assertThat(changed.uid()).isEqualTo(made.uid());
    assertThat(changed.generation()).isEqualTo(1);
    assertThat(changed.created()).isEqualTo(made.created());
    assertThat(changed.namespace()).isEqualTo("default");
    assertThat(changed.metadata().has("managedFields")).isFalse();
    assertThat(changed.metadata().path("labels").path("a").asString("")).isEqualTo("b");
    assertThat(changed.resourceVersion()).isNotEqualTo(made.resourceVersion());
    assertThat(streams.find("default", "app")).contains(changed);
  }

  @Test
  void anUpdateSaysWhatItWasMadeFrom() throws IOException {
    ImageStream made = create("{'metadata': {'name': 'app'}}");
    editor.update("default", "app", before -> before.annotated("a", "b").json(), CONTEXT, false);

    assertThatThrownBy(() -> editor.update("default", "app", before -> made.json(), CONTEXT, false))
        .isInstanceOf(ApiException.class)
        .hasMessageContaining("the object has been modified");
    assertThatThrownBy(() ->
            editor.update("default", "app", before -> json("{'metadata': {}}"), CONTEXT, false))
        .hasMessage(
            "ImageStream.image.openshift.io \"app\" is invalid: metadata.resourceVersion: Invalid"
                + " value: \"\": must be specified for an update");
    assertThatThrownBy(() -> editor.update("default", "none", ImageStream::json, CONTEXT, false))
        .hasMessage("imagestreams.image.openshift.io \"none\" not found");
  }

  @Test
  void aTagIsSetInAStreamThatIsMadeForIt() throws IOException {
    ImageStream stream = editor.setTag("default", "app", before -> {}, tag("v1"), CONTEXT, false);

    assertThat(stream.tags()).containsExactly(Map.entry("v1", tag("v1").at(1)));
    assertThat(stream.latest("v1")).contains(new TagEvent(CLOCK.instant(), "quay.io/a:v1", "", 1));
    assertThatThrownBy(() -> editor.setTag("none", "app", before -> {}, tag("v1"), CONTEXT, false))
        .hasMessage("namespaces \"none\" not found");
    assertThatThrownBy(() ->
            editor.setTag(
                "default",
                "app",
                before -> {
                  throw ApiException.badRequest("no");
                },
                tag("v1"),
                CONTEXT,
                false))
        .hasMessage("no");
  }

  @Test
  void aTagIsDeletedWithItsHistoryAndTheOneOfTheRegistry() throws IOException {
    editor.setTag("default", "app", before -> {}, tag("v1"), CONTEXT, false);
    editor.setTag("default", "app", before -> {}, tag("v2"), CONTEXT, false);

    assertThat(streams.removeTag("default", "app", "v1")).isTrue();
    assertThat(streams.removeTag("default", "app", "v1")).isFalse();

    ImageStream stream = streams.require("default", "app");
    assertThat(stream.tags()).containsOnlyKeys("v2");
    assertThat(stream.history()).containsOnlyKeys("v2");
    assertThat(stream.generation()).isEqualTo(3);
    assertThatThrownBy(() -> streams.removeTag("default", "none", "v1"))
        .hasMessage("imagestreams.image.openshift.io \"none\" not found");
  }

  @Test
  void aStreamIsDeletedAsItWasRead() throws IOException {
    ImageStream made = create("{'metadata': {'name': 'app'}}");
    ImageStream changed =
        editor.update(
            "default", "app", before -> before.annotated("a", "b").json(), CONTEXT, false);

    assertThatThrownBy(() -> editor.delete(made)).hasMessageContaining("has been modified");
    editor.delete(changed);
    assertThat(streams.find("default", "app")).isEmpty();
  }

  @Test
  void onlyTheHistoryIsChangedByAStatus() throws IOException {
    editor.setTag("default", "app", before -> {}, tag("v1"), CONTEXT, false);

    ImageStream changed =
        editor.updateStatus(
            "default", "app", before -> before.without("v1").annotated("a", "b").json(), false);

    assertThat(changed.tags()).containsOnlyKeys("v1");
    assertThat(changed.history()).isEmpty();
    assertThat(changed.annotation("a")).isEmpty();
  }

  @Test
  void anItemThatATagNeverWasIsRefusedInAStatus() throws IOException {
    editor.setTag("default", "app", before -> {}, tag("v1"), CONTEXT, false);
    var other = new TagEvent(CLOCK.instant(), "quay.io/secret/app@" + ONE, ONE, 1);

    assertThatThrownBy(() ->
            editor.updateStatus(
                "default",
                "app",
                before -> before.with("v1", before.history("v1").and(other)).json(),
                false))
        .hasMessageContaining("items can be left out, not added");
  }

  @Test
  void nothingIsStoredOfWhatIsOnlyTried() throws IOException {
    ImageStream tried = editor.setTag("default", "app", before -> {}, tag("v1"), CONTEXT, true);
    assertThat(tried.tags()).containsOnlyKeys("v1");
    assertThat(streams.find("default", "app")).isEmpty();

    editor.setTag("default", "app", before -> {}, tag("v1"), CONTEXT, false);
    ImageStream shorter =
        editor.updateStatus("default", "app", before -> before.without("v1").json(), true);
    assertThat(shorter.history()).isEmpty();
    assertThat(streams.require("default", "app").history()).containsOnlyKeys("v1");
  }

  @Test
  void whatAStreamIsToPullsFollowsItsChanges() throws IOException {
    var repository = new RepositoryName("default/app");
    assertThat(streams.content(repository)).isEmpty();
    create("{'metadata': {'name': 'app'}}");
    assertThat(streams.content(repository)).contains(new StreamContent(Map.of(), List.of()));

    long version = store.repositories().version(repository);
    streams.change(
        "default",
        "app",
        before ->
            Streams.Changed.of(
                before
                    .orElseThrow()
                    .with(
                        "v1",
                        TagHistory.NONE.and(
                            new TagEvent(CLOCK.instant(), "quay.io/a@" + ONE, ONE, 1)))));

    assertThat(store.repositories().version(repository)).isNotEqualTo(version);
    assertThat(streams.content(repository))
        .contains(
            new StreamContent(
                Map.of(new Tag("v1"), Digest.parse(ONE)),
                List.of(new StreamContent.Origin("quay.io", new RepositoryName("a"), false))));
    assertThat(streams.content(new RepositoryName("default/app/more"))).isEmpty();
    assertThat(streams.content(new RepositoryName("app"))).isEmpty();
  }

  private ImageStream create(String json) throws IOException {
    return editor.create("default", json(json), CONTEXT, false);
  }

  /** A tag that only points. */
  private static SpecTag tag(String name) {
    return new SpecTag(
        name,
        Map.of(),
        Optional.of(new SourceReference(SourceReference.DOCKER_IMAGE, "", "quay.io/a:" + name)),
        true,
        OptionalLong.empty(),
        ImportPolicy.USUAL,
        false);
  }

  private static ObjectNode metadata(ObjectNode json) {
    return (ObjectNode) json.path("metadata");
  }

  private static ObjectNode json(String text) {
    return (ObjectNode) JsonMapper.shared().readTree(text.replace('\'', '"'));
  }
}
