package dev.cistern.server.objects;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Metadata, types, and what is said when something is wrong with an object. */
class MetaTest {
  @Test
  void metadataIsReadAsTextWhateverItIs() {
    ObjectNode object = json("{\"metadata\":{\"name\":7,\"namespace\":null,\"labels\":[\"x\"]}}");

    assertThat(Meta.name(object)).isEqualTo("7");
    assertThat(Meta.namespace(object)).isEmpty();
    assertThat(Meta.resourceVersion(object)).isEmpty();
    assertThat(Meta.map(object, "labels")).isEmpty();
    assertThat(Meta.map(json("{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), "labels"))
        .containsExactly(Map.entry("a", "b"));
    assertThat(Meta.name(json("{\"metadata\":\"x\"}"))).isEmpty();
  }

  @Test
  void metadataIsMadeIfThereIsNone() {
    ObjectNode object = json("{\"metadata\":\"x\"}");

    Meta.of(object).put("name", "one");

    assertThat(object).isEqualTo(json("{\"metadata\":{\"name\":\"one\"}}"));
  }

  @Test
  void kindVersionAndMetadataComeFirst() {
    ObjectNode object = json("{\"spec\":1,\"kind\":\"Other\",\"metadata\":{\"name\":\"one\"}}");

    assertThat(Meta.ordered(Kinds.IMAGE_STREAM, object).toString())
        .isEqualTo(
            "{\"kind\":\"ImageStream\",\"apiVersion\":\"image.openshift.io/v1\","
                + "\"metadata\":{\"name\":\"one\"},\"spec\":1}");
  }

  @Test
  void timesAreInSeconds() {
    assertThat(Meta.time(Instant.parse("2026-11-01T00:00:00.999Z")))
        .isEqualTo("2026-11-01T00:00:00Z");
  }

  @Test
  void depthCountsLevels() {
    assertThat(Meta.depth(json("{\"a\":1}").path("a"))).isZero();
    assertThat(Meta.depth(json("{}"))).isEqualTo(1);
    assertThat(Meta.depth(json("{\"a\":1,\"b\":[[2],{}],\"c\":{}}"))).isEqualTo(3);
  }

  @Test
  void typesSayTheirNames() {
    assertThat(Kinds.SECRET.apiVersion()).isEqualTo("v1");
    assertThat(Kinds.SECRET.resource()).isEqualTo("secrets");
    assertThat(Kinds.SECRET.qualifiedKind()).isEqualTo("Secret");
    assertThat(Kinds.SECRET.singular()).isEqualTo("secret");
    assertThat(Kinds.IMAGE_STREAM.apiVersion()).isEqualTo("image.openshift.io/v1");
    assertThat(Kinds.IMAGE_STREAM.resource()).isEqualTo("imagestreams.image.openshift.io");
    assertThat(Kinds.IMAGE_STREAM.qualifiedKind()).isEqualTo("ImageStream.image.openshift.io");
    assertThat(Kinds.IMAGE_STREAM.singular()).isEqualTo("imagestream");
    assertThat(Kinds.IMAGE_STREAM.shortNames()).containsExactly("is");
  }

  @Test
  void onlyWhatIsInANamespaceIsStoredInOne() {
    assertThat(Kinds.SECRET.name("team", "one").namespace()).isEqualTo("team");
    assertThat(Kinds.IMAGE.name("team", "one").namespace()).isEmpty();
    assertThat(Kinds.IMAGE.name("team", "one").kind()).isEqualTo("Image");
  }

  @Test
  void filesMayHaveSomeKinds() {
    assertThat(Kinds.of("Secret")).contains(Kinds.SECRET);
    assertThat(Kinds.of("ImageStream")).isEmpty();
    assertThat(Kinds.of("secret")).isEmpty();
  }

  @Test
  void refusalsAreStatusObjects() {
    assertThat(ApiException.notFound(Kinds.IMAGE_STREAM, "app").status())
        .isEqualTo(
            json(
                """
                {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
                 "message":"imagestreams.image.openshift.io \\"app\\" not found",
                 "reason":"NotFound",
                 "details":{"name":"app","group":"image.openshift.io","kind":"imagestreams"},
                 "code":404}
                """));
    assertThat(ApiException.badRequest("no").status())
        .isEqualTo(
            json(
                """
                {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
                 "message":"no","reason":"BadRequest","code":400}
                """));
  }

  @Test
  void refusalsHaveTheTextsOfKubernetes() {
    assertThat(ApiException.alreadyExists(Kinds.SECRET, "a"))
        .hasMessage("secrets \"a\" already exists");
    assertThat(ApiException.modified(Kinds.SECRET, "a"))
        .hasMessage(
            "Operation cannot be fulfilled on secrets \"a\": the object has been modified; please"
                + " apply your changes to the latest version and try again");
    assertThat(ApiException.forbidden(Kinds.SECRET, "a", "no"))
        .hasMessage("secrets \"a\" is forbidden: no");
    assertThat(ApiException.forbidden(Kinds.SECRET, "", "no"))
        .hasMessage("secrets is forbidden: no");
  }

  @Test
  void whatIsInvalidIsListed() {
    FieldError one = FieldError.required("spec.tags[a].from.name", "");
    FieldError two = FieldError.invalid("metadata.name", "A", "must be small");

    assertThat(ApiException.invalid(Kinds.IMAGE_STREAM, "app", List.of(one)))
        .hasMessage(
            "ImageStream.image.openshift.io \"app\" is invalid: spec.tags[a].from.name: Required"
                + " value");
    ApiException both = ApiException.invalid(Kinds.IMAGE_STREAM, "app", List.of(one, two));
    assertThat(both)
        .hasMessage(
            "ImageStream.image.openshift.io \"app\" is invalid: [spec.tags[a].from.name: Required"
                + " value, metadata.name: Invalid value: \"A\": must be small]");
    assertThat(both.status().path("details"))
        .isEqualTo(
            json(
                """
                {"name":"app","group":"image.openshift.io","kind":"ImageStream","causes":[
                  {"reason":"FieldValueRequired","message":"Required value",
                   "field":"spec.tags[a].from.name"},
                  {"reason":"FieldValueInvalid","message":"Invalid value: \\"A\\": must be small",
                   "field":"metadata.name"}]}
                """));
  }

  @Test
  void fieldErrorsShowValuesWhereThatHelps() {
    assertThat(FieldError.notFound("a", "b")).hasToString("a: Not found: \"b\"");
    assertThat(FieldError.forbidden("a", "no")).hasToString("a: Forbidden: no");
    assertThat(FieldError.invalid("", "b", "")).hasToString("Invalid value: \"b\"");
  }

  private static ObjectNode json(String text) {
    return (ObjectNode) JsonMapper.shared().readTree(text);
  }
}
