package dev.cistern.server.cli.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class TagRequestTest {
  private static final String DIGEST = "sha256:" + "b".repeat(64);
  private static final TagOptions PLAIN =
      new TagOptions(false, false, false, false, "Source", "Legacy");
  private static final TagOptions ALIAS =
      new TagOptions(true, false, false, false, "Source", "Legacy");

  @ParameterizedTest
  @CsvSource({
    "r.io/a:b,DockerImage",
    "ns/a:b,ImageStreamTag",
    "a:b,ImageStreamTag",
    "a,DockerImage",
    "x/y/z,DockerImage",
  })
  void aSourceIsWhatItLooksLike(String source, String kind) {
    assertThat(TagRequest.parse(source, "", "team", PLAIN).kind()).isEqualTo(kind);
    assertThat(TagRequest.parse("a@" + DIGEST, "", "team", PLAIN).kind())
        .isEqualTo("ImageStreamImage");
    assertThat(TagRequest.parse("ns/a:b", "docker", "team", PLAIN).kind()).isEqualTo("DockerImage");
  }

  @Test
  void aTagIsSetToWhatTheSourceIsNow() {
    TagRequest request = TagRequest.parse("ns/a:b", "", "team", PLAIN);
    assertThat(request.needsStream()).isTrue();
    TagRequest resolved = request.resolved(stream("{\"image\":\"" + DIGEST + "\"}"), "ns/a:b");
    TagName to = TagName.parse("c:d", "team");
    assertThat(resolved.imageStreamTag(to).path("tag").path("from").toString())
        .isEqualTo(
            "{\"kind\":\"ImageStreamImage\",\"name\":\"a@" + DIGEST + "\",\"namespace\":\"ns\"}");
    assertThat(resolved.done(to)).isEqualTo("Tag c:d set to ns/a@" + DIGEST + ".");
  }

  @Test
  void aReferenceWithoutAnImageIsTakenAsItIs() {
    TagRequest resolved =
        TagRequest.parse("a:b", "", "team", PLAIN)
            .resolved(stream("{\"dockerImageReference\":\"r.io/x:v1\",\"image\":\"\"}"), "a:b");
    assertThat(resolved.kind()).isEqualTo("DockerImage");
    assertThat(resolved.source().exact()).isEqualTo("r.io/x:v1");
  }

  @Test
  void aTagWithoutAnImageIsNoSource() {
    TagRequest request = TagRequest.parse("a:c", "", "team", PLAIN);
    assertThatThrownBy(() -> request.resolved(stream("{}"), "a:c"))
        .hasMessage(
            "\"a:c\" is not currently pointing to an image, cannot use it as the source of a tag");
  }

  @Test
  void anAliasFollowsATagOfItsStream() {
    TagRequest request = TagRequest.parse("a:b", "", "team", ALIAS);
    assertThat(request.needsStream()).isFalse();
    TagName to = TagName.parse("a:c", "team");
    request.check(List.of(to));
    assertThat(request.done(to)).isEqualTo("Tag a:c set up to track a:b.");
    assertThat(request.imageStreamTag(to).path("tag").path("from").toString())
        .isEqualTo("{\"kind\":\"ImageStreamTag\",\"name\":\"a:b\"}");
    assertThatThrownBy(() -> request.check(List.of(TagName.parse("other/a:c", "team"))))
        .hasMessage("cannot set alias across different Image Streams");
  }

  @Test
  void aTagElsewhereIsToldWithItsNamespace() {
    var options = new TagOptions(false, false, true, true, "Local", "PreserveOriginal");
    TagRequest request = TagRequest.parse("r.io/a:b", "", "team", options);
    TagName there = TagName.parse("other/c:d", "team");
    assertThat(request.done(there)).isEqualTo("Tag other/c:d set to r.io/a:b periodically.");
    assertThat(request.done(TagName.parse("c:d", "team")))
        .isEqualTo("Tag c:d set to import r.io/a:b periodically.");
    assertThat(request.imageStreamTag(there).path("tag").toString())
        .isEqualTo(
            """
            {"name":"d","from":{"kind":"DockerImage","name":"r.io/a:b"},"generation":0,\
            "importPolicy":{"importMode":"PreserveOriginal","insecure":true,"scheduled":true},\
            "referencePolicy":{"type":"Local"}}\
            """);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "a/b/c:d | invalid image stream \"a/b/c:d\"",
        "/b:c | invalid namespace \"\" for image stream \"/b:c\"",
        "a/ | invalid name \"\" for image stream \"a/\"",
        "a | \"a\" must be of the form <stream_name>:<tag>",
      })
  void otherDestinationsAreRefused(String text, String complaint) {
    assertThatThrownBy(() -> TagName.parse(text, "team"))
        .isInstanceOf(ObjectException.class)
        .hasMessage(complaint);
  }

  @Test
  void aTagThatNobodyCouldPullIsRefused() {
    TagRequest request = TagRequest.parse("r.io/a:b", "", "team", PLAIN);
    assertThatThrownBy(() -> request.imageStreamTag(TagName.parse("c:-d", "team")))
        .hasMessageStartingWith("invalid tag \"-d\" format, tags must start with an alphanumeric");
  }

  private static ObjectNode stream(String item) {
    return (ObjectNode)
        JsonMapper.shared()
            .readTree(
                "{\"metadata\":{\"name\":\"a\"},\"status\":{\"tags\":[{\"tag\":\"b\",\"items\":["
                    + item
                    + "]}]}}");
  }
}
