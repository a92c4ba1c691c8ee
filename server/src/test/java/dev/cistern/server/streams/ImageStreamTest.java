package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Streams, their tags and what those come from, as they are read and written. */
class ImageStreamTest {
  private static final String JSON =
      """
      {"kind":"ImageStream","apiVersion":"image.openshift.io/v1",
       "metadata":{"name":"app","namespace":"team","generation":3,"uid":"u","resourceVersion":"7",
         "annotations":{"openshift.io/image.insecureRepository":"true"}},
       "spec":{"lookupPolicy":{"local":true},"dockerImageRepository":"quay.io/team/app",
         "tags":[
           {"name":"alias","annotations":null,"from":{"kind":"ImageStreamTag","name":"v1"},
            "generation":null,"importPolicy":{"importMode":"Legacy"},
            "referencePolicy":{"type":"Source"}},
           {"name":"v1","annotations":{"a":"b"},
            "from":{"kind":"DockerImage","namespace":"n","name":"quay.io/team/app:v1"},
            "reference":true,"generation":2,
            "importPolicy":{"insecure":true,"scheduled":true,"importMode":"PreserveOriginal"},
            "referencePolicy":{"type":"Local"}}]},
       "status":{"dockerImageRepository":"","tags":[
         {"tag":"v1","items":[{"created":"2026-11-01T00:00:00Z","dockerImageReference":"x",
           "image":"sha256:1","generation":2}]}]}}
      """;

  private static final TagEvent EVENT =
      new TagEvent(Instant.parse("2026-11-01T00:00:00Z"), "x", "sha256:1", 2);

  @Test
  void isWrittenAsItIsRead() {
    ImageStream stream = ImageStream.of(json(JSON));

    assertThat(json(stream.json().toString())).isEqualTo(json(JSON));
    assertThat(ImageStream.of(json(stream.json().toString()))).isEqualTo(stream);
  }

  @Test
  void saysWhatItIs() {
    ImageStream stream = ImageStream.of(json(JSON));

    assertThat(stream.namespace() + "/" + stream.name()).isEqualTo("team/app");
    assertThat(stream.generation()).isEqualTo(3);
    assertThat(stream.resourceVersion()).isEqualTo("7");
    assertThat(stream.policy(ImportPolicy.USUAL).insecure()).isTrue();
    assertThat(stream.isLookedUp()).isTrue();
    assertThat(stream.repository()).contains("quay.io/team/app");
    assertThat(stream.latest("v1")).contains(EVENT);
    assertThat(stream.latest("alias")).isEmpty();
    assertThat(stream.shown("r:5000").path("status").path("dockerImageRepository").stringValue())
        .isEqualTo("r:5000/team/app");
  }

  @Test
  void aTagIsRead() {
    SpecTag tag = ImageStream.of(json(JSON)).tags().get("v1");

    assertThat(tag)
        .isEqualTo(
            new SpecTag(
                "v1",
                Map.of("a", "b"),
                Optional.of(new SourceReference("DockerImage", "n", "quay.io/team/app:v1")),
                true,
                OptionalLong.of(2),
                new ImportPolicy(true, true, ImportMode.PRESERVE_ORIGINAL),
                true));
  }

  @Test
  void aTagThatSaysNothingIsTheUsual() {
    assertThat(SpecTag.of(json("{}")))
        .isEqualTo(
            new SpecTag(
                "",
                Map.of(),
                Optional.empty(),
                false,
                OptionalLong.empty(),
                ImportPolicy.USUAL,
                false));
    assertThat(ImportPolicy.of(json("{\"importMode\":\"none\"}"))).isEqualTo(ImportPolicy.USUAL);
  }

  @Test
  void onlyImagesOfRegistriesAreImported() {
    SourceReference image = new SourceReference(SourceReference.DOCKER_IMAGE, "", "quay.io/a");
    SpecTag tag = SpecTag.of(json("{\"name\":\"a\"}"));

    assertThat(tag.importedFrom()).isEmpty();
    assertThat(from(image, false).importedFrom()).contains("quay.io/a");
    assertThat(from(image, true).importedFrom()).as("a reference").isEmpty();
    assertThat(from(new SourceReference("DockerImage", "", ""), false).importedFrom()).isEmpty();
    assertThat(from(new SourceReference("ImageStreamTag", "", "a:b"), false).importedFrom())
        .isEmpty();
  }

  @Test
  void tagsAndImagesOfStreamsAreSplit() {
    assertThat(inStream("ImageStreamTag", "v1")).contains(item("own", "v1"));
    assertThat(inStream("ImageStreamTag", "other:v1")).contains(item("other", "v1"));
    assertThat(inStream("ImageStreamTag", "a:b:c")).isEmpty();
    assertThat(inStream("ImageStreamTag", "other:")).contains(item("other", ""));
    assertThat(inStream("ImageStreamImage", "sha256:12")).contains(item("own", "sha256:12"));
    assertThat(inStream("ImageStreamImage", "other@sha256:12"))
        .contains(item("other", "sha256:12"));
    assertThat(inStream("ImageStreamImage", "a@b@c")).isEmpty();
  }

  @Test
  void aTagGoesWithItsHistory() {
    ImageStream stream = ImageStream.of(json(JSON)).without("v1");

    assertThat(stream.tags()).containsOnlyKeys("alias");
    assertThat(stream.history()).isEmpty();
  }

  @Test
  void anEmptyHistoryIsNone() {
    ImageStream stream = ImageStream.of(json(JSON));

    assertThat(stream.with("v1", TagHistory.NONE).history()).isEmpty();
    assertThat(stream.with("v2", new TagHistory(List.of(EVENT), List.of())).history())
        .containsOnlyKeys("v1", "v2");
  }

  @Test
  void whatIsPulledThroughHereIsPulledFromHere() {
    ImageStream stream = ImageStream.of(json(JSON));

    assertThat(stream.pulled("v1", EVENT, "r:5000")).isEqualTo("r:5000/team/app@sha256:1");
    assertThat(stream.pulled("alias", EVENT, "r:5000")).isEqualTo("x");
    assertThat(stream.pulled("none", EVENT, "r:5000")).isEqualTo("x");
    assertThat(stream.pulled("v1", new TagEvent(Instant.EPOCH, "y", "", 1), "r:5000"))
        .isEqualTo("y");
  }

  @Test
  void aCopyOfTheSameGenerationIsTheSame() {
    ImageStream stream = ImageStream.of(json(JSON));

    assertThat(stream.at(3)).isEqualTo(stream);
    assertThat(stream.at(4).generation()).isEqualTo(4);
    assertThat(stream.generation()).isEqualTo(3);
  }

  private static SpecTag from(SourceReference source, boolean isReference) {
    return new SpecTag(
        "a",
        Map.of(),
        Optional.of(source),
        isReference,
        OptionalLong.empty(),
        ImportPolicy.USUAL,
        false);
  }

  private static Optional<SourceReference.InStream> inStream(String kind, String name) {
    return new SourceReference(kind, "", name).inStream("own");
  }

  private static SourceReference.InStream item(String stream, String item) {
    return new SourceReference.InStream(stream, item);
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text);
  }
}
