package dev.cistern.server.cli.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class StreamImportTest {
  private static final JsonNode STREAM =
      JsonMapper.shared()
          .readTree(
              """
              {"metadata": {"name": "app", "namespace": "team", "resourceVersion": "7"},
               "spec": {"tags": [
                {"name": "v1", "from": {"kind": "DockerImage", "name": "r.io/app:v1"},
                 "importPolicy": {"insecure": true, "scheduled": true}},
                {"name": "follows", "from": {"kind": "ImageStreamTag", "name": "app:v1"}},
                {"name": "loop", "from": {"kind": "ImageStreamTag", "name": "loop"}},
                {"name": "other", "from": {"kind": "ImageStreamTag", "name": "else:v1"}},
                {"name": "fixed", "from": {"kind": "ImageStreamImage", "name": "app@sha256:1"}},
                {"name": "bare"}]}}
              """);

  @Test
  void aTagIsImportedFromWhereItComesAndStaysInsecureAndScheduled() {
    assertThat(request("app:v1", "", Optional.of(STREAM)))
        .isEqualTo(
            """
            {"kind":"ImageStreamImport","apiVersion":"image.openshift.io/v1",\
            "metadata":{"name":"app","resourceVersion":"7"},\
            "spec":{"import":true,"images":[{"from":{"kind":"DockerImage","name":"r.io/app:v1"},\
            "importPolicy":{"insecure":true,"scheduled":true,"importMode":"Legacy"},\
            "referencePolicy":{"type":"Source"},"to":{"name":"v1"}}]}}\
            """);
  }

  @Test
  void aTagThatFollowsAnotherHasThatImported() {
    assertThat(request("app:follows", "", Optional.of(STREAM)))
        .contains("\"to\":{\"name\":\"v1\"}");
  }

  @Test
  void allTagsAreThoseOfRegistries() {
    assertThat(request("app", "--all", Optional.of(STREAM)))
        .contains("r.io/app:v1")
        .doesNotContain("repository", "fixed");
    assertThat(request("app", "--all --confirm --from=r.io/app", Optional.of(STREAM)))
        .contains("\"repository\":{\"from\":{\"kind\":\"DockerImage\",\"name\":\"r.io/app\"}");
  }

  @Test
  void aStreamIsMadeIfThatIsConfirmed() {
    assertThat(request("app", "--confirm --from=r.io/app:v9", Optional.empty()))
        .contains("r.io/app:v9", "\"to\":{\"name\":\"latest\"}");
    assertThat(request("r.io/app:v9", "--confirm", Optional.empty()))
        .contains("\"metadata\":{\"name\":\"app\"}", "r.io/app:v9", "\"to\":{\"name\":\"v9\"}");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "app:v9 | tag \"v9\" does not exist on the image stream - choose an existing tag to import",
        "app:loop | tag \"loop\" on the image stream is a reference to same tag",
        "app:other | tag \"other\" points to an imagestreamtag from another ImageStream",
        "app:fixed | tag \"fixed\" points to existing ImageStreamImage \"app@sha256:1\", it cannot be",
        "app:bare | tag \"bare\" already exists - you must use the 'tag' command if you want to",
      })
  void whatCannotBeImportedIsSaid(String target, String complaint) {
    assertThatThrownBy(() -> request(target, "", Optional.of(STREAM)))
        .isInstanceOf(ObjectException.class)
        .hasMessageContaining(complaint);
  }

  @Test
  void anotherSourceIsForTheCommandTag() {
    assertThatThrownBy(() -> request("app:v1", "--from=r.io/x", Optional.of(STREAM)))
        .hasMessage(
            "the tag \"v1\" points to \"r.io/app:v1\" - use the 'tag' command if you want to change"
                + " the source to \"r.io/x\"");
    assertThatThrownBy(() -> request("app:follows", "--from=r.io/x", Optional.of(STREAM)))
        .hasMessageContaining("the tag \"follows\" points to the tag \"v1\" which points to");
    assertThatThrownBy(() -> request("app", "", Optional.empty()))
        .hasMessage("no image stream named \"app\" exists, pass --confirm to create and import");
    assertThatThrownBy(() -> request("app", "--all --from=r.io/x", Optional.of(STREAM)))
        .hasMessageContaining("does not currently import an entire Docker repository");
  }

  private static String request(String target, String words, Optional<JsonNode> stream) {
    String from = words.contains("--from=") ? words.substring(words.indexOf("--from=") + 7) : "";
    var options =
        new ImportOptions(
            from,
            words.contains("--confirm"),
            words.contains("--all"),
            false,
            Optional.empty(),
            "Source",
            "Legacy",
            false);
    return StreamImport.parse(target, options).request(stream).toString();
  }
}
