package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.server.objects.FieldError;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The texts are interfaces. */
class StreamCheckTest {
  private static final String HEX = "0123456789abcdef".repeat(4);

  @ParameterizedTest
  @ValueSource(strings = {"a", "app", "my-app", "a.b_c-d", "1", "a1.2"})
  void namesOfStreams(String name) {
    assertThat(StreamCheck.name("team", name)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"A", "-a", "a-", "a..b", "a--b", "a/b", "a b", ".", "..", "é"})
  void whatIsNoNameIsRefused(String name) {
    assertThat(StreamCheck.name("team", name))
        .hasToString(
            "[metadata.name: Invalid value: \""
                + name
                + "\": must match \"[a-z0-9]+(?:[._-][a-z0-9]+)*\"]");
  }

  @Test
  void aNameIsNeededAndNotTooLong() {
    assertThat(StreamCheck.name("team", ""))
        .hasToString("[metadata.name: Required value: name or generateName is required]");
    assertThat(StreamCheck.name("team", "a".repeat(250))).isEmpty();
    assertThat(StreamCheck.name("team", "a".repeat(251)))
        .hasToString(
            "[metadata.name: Invalid value: \""
                + "a".repeat(251)
                + "\": 'namespace/name' cannot be longer than 255 characters]");
  }

  @Test
  void aStreamMayBeEmpty() {
    assertThat(StreamCheck.stream(json("{}"))).isEmpty();
    assertThat(StreamCheck.stream(json("{'spec': {'tags': null}}"))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'name': 'v1'}",
        "{'name': 'v1', 'from': null}",
        "{'name': 'v1', 'from': {'kind': 'DockerImage', 'name': 'quay.io/a:v1'}}",
        "{'name': 'v1', 'from': {'kind': 'ImageStreamTag', 'name': 'a:v1'}}",
        "{'name': 'v1', 'from': {'kind': 'ImageStreamImage', 'name': 'a@sha256:1'}}",
        "{'name': 'v1', 'referencePolicy': {'type': 'Local'}}",
        "{'name': 'v1', 'referencePolicy': {'type': ''}, 'importPolicy': {'importMode': ''}}",
        "{'name': 'v1', 'importPolicy': {'importMode': 'PreserveOriginal', 'scheduled': true}}"
      })
  void tagsThatMayBe(String tag) {
    assertThat(StreamCheck.tag(json(tag), "tag")).isEmpty();
    assertThat(StreamCheck.stream(json("{'spec': {'tags': [" + tag + "]}}"))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {'from': {'kind': 'DockerImage'}} | tag.from.name: Required value
          {'from': {'kind': 'ImageStreamTag', 'name': ''}} | tag.from.name: Required value
          {'from': {'kind': 'Other', 'name': 'a'}} | tag.from.kind: Required value: valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'
          {'from': {'name': 'a'}} | tag.from.kind: Required value: valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'
          {'from': {'kind': 'ImageStreamTag', 'name': 'a:v1'}, 'importPolicy': {'scheduled': true}} | tag.importPolicy.scheduled: Invalid value: "true": only tags pointing to Docker repositories may be scheduled for background import
          {'from': {'kind': 'ImageStreamImage', 'name': 'a@1'}, 'importPolicy': {'scheduled': true}} | tag.importPolicy.scheduled: Invalid value: "true": only tags pointing to Docker repositories may be scheduled for background import
          {'referencePolicy': {'type': 'local'}} | tag.referencePolicy.type: Invalid value: "local": valid values are "Source", "Local"
          {'importPolicy': {'importMode': 'legacy'}} | tag.importPolicy.importMode: Invalid value: "legacy": invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'
          """)
  void whatIsWrongWithATagIsSaid(String tag, String message) {
    assertThat(StreamCheck.tag(json(tag), "tag")).hasToString("[" + message + "]");
  }

  @Test
  void aPullSpecThatIsNoneIsShown() {
    List<FieldError> errors =
        StreamCheck.stream(
            json(
                "{'spec': {'tags': [{'name': 'v1', 'from': {'kind': 'DockerImage', 'name':"
                    + " 'quay.io/A'}}]}}"));

    assertThat(errors).hasSize(1);
    assertThat(errors.getFirst().field()).isEqualTo("spec.tags[v1].from.name");
    assertThat(errors.getFirst()).asString().contains("Invalid value: \"quay.io/A\": not a");
  }

  @Test
  void aRepositoryHasNeitherTagNorDigest() {
    assertThat(StreamCheck.stream(json("{'spec': {'dockerImageRepository': 'quay.io/a'}}")))
        .isEmpty();
    assertThat(StreamCheck.stream(json("{'spec': {'dockerImageRepository': 'quay.io/a:v1'}}")))
        .hasToString(
            "[spec.dockerImageRepository: Invalid value: \"quay.io/a:v1\": the repository name may"
                + " not contain a tag]");
    String byDigest = "quay.io/a@sha256:" + HEX;
    assertThat(StreamCheck.stream(json("{'spec': {'dockerImageRepository': '" + byDigest + "'}}")))
        .hasToString(
            "[spec.dockerImageRepository: Invalid value: \""
                + byDigest
                + "\": the repository name may not contain an ID]");
    assertThat(StreamCheck.stream(json("{'spec': {'dockerImageRepository': 'A'}}"))).hasSize(1);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'images': [{'from': {'kind': 'DockerImage', 'name': 'quay.io/a'}, 'to': {'name': 'x'}}]}",
        "{'images': [{'from': {'kind': 'DockerImage', 'name': 'quay.io/a'}}]}",
        "{'repository': {'from': {'kind': 'DockerImage', 'name': 'quay.io/a'}}}"
      })
  void importsThatMayBe(String spec) {
    assertThat(StreamCheck.imports(json("{'spec': " + spec + "}"))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {} | spec.images: Invalid value: "null": you must specify at least one image or a repository import
          {'images': []} | spec.images: Invalid value: "null": you must specify at least one image or a repository import
          {'images': [{'from': {'kind': 'ImageStreamTag', 'name': 'a:b'}}]} | spec.images[0].from.kind: Invalid value: "ImageStreamTag": only DockerImage is supported
          {'images': [{}]} | spec.images[0].from.kind: Invalid value: "": only DockerImage is supported
          {'images': [{'from': {'kind': 'DockerImage'}}]} | spec.images[0].from.name: Required value
          {'images': [{'from': {'kind': 'DockerImage', 'name': 'a'}, 'to': {}}]} | spec.images[0].to.name: Invalid value: "": the name of the target tag must be specified
          {'images': [{'from': {'kind': 'DockerImage', 'name': 'a'}, 'importPolicy': {'importMode': 'x'}}]} | spec.images[0].importPolicy.importMode: Invalid value: "x": invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'
          {'repository': {'from': {'kind': 'Other'}}} | spec.repository.from.kind: Invalid value: "Other": only DockerImage is supported
          {'repository': {'from': {'kind': 'DockerImage'}}} | spec.repository.from.name: Required value: container image references require a name
          {'repository': {'from': {'kind': 'DockerImage', 'name': 'quay.io/a:v1'}}} | spec.repository.from.name: Invalid value: "quay.io/a:v1": you must specify an image repository, not a tag or ID
          {'repository': {'from': {'kind': 'DockerImage', 'name': 'a'}, 'importPolicy': {'importMode': 'x'}}} | spec.repository.importPolicy.importMode: Invalid value: "x": invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'
          """)
  void whatIsWrongWithAnImportIsSaid(String spec, String message) {
    assertThat(StreamCheck.imports(json("{'spec': " + spec + "}")))
        .hasToString("[" + message + "]");
  }

  @Test
  void allThatIsWrongIsSaid() {
    assertThat(
            StreamCheck.imports(
                json("{'spec': {'images': [{}, {'from': {'kind': 'DockerImage'}}]}}")))
        .extracting(FieldError::field)
        .containsExactly("spec.images[0].from.kind", "spec.images[1].from.name");
    assertThat(StreamCheck.tag(json("{'from': {'kind': 'x'}}"), "tag"))
        .extracting(FieldError::field)
        .containsExactly("tag.from.name", "tag.from.kind");
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text.replace('\'', '"'));
  }
}
