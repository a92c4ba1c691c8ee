package dev.cistern.server.objects;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Merge patches (RFC 7396, appendix A), strategic merge patches, and what is none of them. */
class PatchTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"a":"b"}            | {"a":"c"}                  | {"a":"c"}
          {"a":"b"}            | {"b":"c"}                  | {"a":"b","b":"c"}
          {"a":"b"}            | {"a":null}                 | {}
          {"a":"b","b":"c"}    | {"a":null}                 | {"b":"c"}
          {"a":["b"]}          | {"a":"c"}                  | {"a":"c"}
          {"a":"c"}            | {"a":["b"]}                | {"a":["b"]}
          {"a":{"b":"c"}}      | {"a":{"b":"d","c":null}}   | {"a":{"b":"d"}}
          {"a":[{"b":"c"}]}    | {"a":[1]}                  | {"a":[1]}
          ["a","b"]            | ["c","d"]                  | ["c","d"]
          {"a":"b"}            | ["c"]                      | ["c"]
          {"a":"foo"}          | null                       | null
          {"a":"foo"}          | "bar"                      | "bar"
          {"e":null}           | {"a":1}                    | {"e":null,"a":1}
          [1,2]                | {"a":"b","c":null}         | {"a":"b"}
          {}                   | {"a":{"bb":{"ccc":null}}}  | {"a":{"bb":{}}}
          """)
  void aMergePatchIsApplied(String object, String patch, String result) {
    JsonNode before = json(object);

    assertThat(Patch.parse(MergePatch.MEDIA_TYPE, bytes(patch)).apply(before))
        .isEqualTo(json(result));
    assertThat(before).as("what is given stays as it was").isEqualTo(json(object));
  }

  @ParameterizedTest
  @ValueSource(strings = {MergePatch.MEDIA_TYPE, StrategicPatch.MEDIA_TYPE})
  void aDeepPatchOfALongObjectCopiesItOnce(String type) {
    int levels = 390;
    String open = "{\"x\":".repeat(levels);
    String close = "}".repeat(levels);
    JsonNode object = json(open + "[" + "{},".repeat(300_000) + "{}]" + close);

    JsonNode changed = Patch.parse(type, bytes(open + "{\"y\":1}" + close)).apply(object);

    assertThat(changed).isEqualTo(json(open + "{\"y\":1}" + close));
  }

  @Test
  void aStrategicPatchOfLongListsLooksAtEachItemOnce() {
    String texts =
        IntStream.range(0, 80_000).mapToObj(i -> "\"" + i + "\"").collect(Collectors.joining(","));
    String tags =
        IntStream.range(0, 25_000)
            .mapToObj(i -> "{\"name\":\"" + i + "\"}")
            .collect(Collectors.joining(","));
    String object =
        "{\"metadata\":{\"finalizers\":[" + texts + "]},\"spec\":{\"tags\":[" + tags + "]}}";

    assertThat(strategic(object, object)).isEqualTo(json(object));
  }

  @Test
  void aStrategicPatchMergesTheTagsOfAStreamByTheirNames() {
    assertThat(
            strategic(
                """
                {"spec":{"tags":[{"name":"a","reference":true},{"name":"b","from":{"kind":"X"}}]}}
                """,
                """
                {"spec":{"tags":[{"name":"b","from":{"name":"y"}},{"name":"c"}],
                  "$setElementOrder/tags":[{"name":"a"},{"name":"b"},{"name":"c"}]}}
                """))
        .isEqualTo(
            json(
                """
                {"spec":{"tags":[{"name":"a","reference":true},
                  {"name":"b","from":{"kind":"X","name":"y"}},{"name":"c"}]}}
                """));
  }

  @Test
  void aStrategicPatchDeletesAnItem() {
    assertThat(
            strategic(
                """
                {"secrets":[{"name":"a"},{"name":"b"}],"imagePullSecrets":[{"name":"a"}]}
                """,
                """
                {"secrets":[{"name":"a","$patch":"delete"},{"name":"c","$patch":"delete"}],
                 "imagePullSecrets":[{"name":"b"}]}
                """))
        .isEqualTo(
            json(
                "{\"secrets\":[{\"name\":\"b\"}],\"imagePullSecrets\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"));
  }

  @Test
  void aStrategicPatchReplacesAList() {
    assertThat(
            strategic(
                "{\"spec\":{\"tags\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
                "{\"spec\":{\"tags\":[{\"$patch\":\"replace\"},{\"name\":\"c\"}]}}"))
        .isEqualTo(json("{\"spec\":{\"tags\":[{\"name\":\"c\"}]}}"));
  }

  @Test
  void aStrategicPatchReplacesAnObject() {
    assertThat(strategic("{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"$patch\":\"replace\",\"d\":3}}"))
        .isEqualTo(json("{\"a\":{\"d\":3}}"));
    assertThat(strategic("{\"a\":{\"b\":1},\"c\":2}", "{\"a\":{\"$patch\":\"delete\"}}"))
        .isEqualTo(json("{\"c\":2}"));
  }

  @Test
  void aStrategicPatchKeepsOnlyTheKeysThatItRetains() {
    assertThat(
            strategic(
                "{\"a\":{\"b\":1,\"c\":2,\"d\":3}}",
                "{\"a\":{\"$retainKeys\":[\"b\",\"e\"],\"e\":5}}"))
        .isEqualTo(json("{\"a\":{\"b\":1,\"e\":5}}"));
  }

  @Test
  void aStrategicPatchChangesSetsOfTexts() {
    assertThat(
            strategic(
                "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]},\"x\":[1]}",
                """
                {"metadata":{"finalizers":["b","c"],"$deleteFromPrimitiveList/finalizers":["a"]},
                 "x":[2],"y":{"z":null}}
                """))
        .isEqualTo(json("{\"metadata\":{\"finalizers\":[\"b\",\"c\"]},\"x\":[2],\"y\":{}}"));
  }

  @Test
  void whatIsAppliedMergesByTheSameKeys() {
    JsonNode applied =
        Patch.parse(StrategicPatch.APPLY_MEDIA_TYPE, bytes("{\"secrets\":[{\"name\":\"b\"}]}"))
            .apply(json("{\"secrets\":[{\"name\":\"a\"}]}"));

    assertThat(applied).isEqualTo(json("{\"secrets\":[{\"name\":\"a\"},{\"name\":\"b\"}]}"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"{\"secrets\":[{\"x\":1}]}", "{\"secrets\":[\"a\"]}", "{\"secrets\":[null]}"})
  void anItemWithoutItsKeyIsRefused(String patch) {
    assertThatThrownBy(() -> strategic("{\"secrets\":[{\"name\":\"a\"}]}", patch))
        .isInstanceOf(ApiException.class)
        .hasMessage("each item of secrets needs the key name, by which they merge");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "1", "null", "\"a\"", ""})
  void aStrategicPatchMustBeAnObject(String patch) {
    assertThatThrownBy(() -> strategic("{}", patch))
        .isInstanceOf(ApiException.class)
        .hasMessage("the patch is no JSON object");
  }

  @Test
  void whatIsNotJsonIsRefused() {
    assertThatThrownBy(() -> Patch.parse(MergePatch.MEDIA_TYPE, bytes("{\"a\":")))
        .isInstanceOf(ApiException.class)
        .hasMessageStartingWith("the patch is not JSON: ");
    assertThatThrownBy(() -> Patch.parse(MergePatch.MEDIA_TYPE, bytes("{} {}")))
        .isInstanceOf(ApiException.class)
        .hasMessageStartingWith("the patch is not JSON: ");
  }

  @Test
  void anotherMediaTypeIsRefused() {
    assertThatThrownBy(() -> Patch.parse("application/json", bytes("{}")))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(415))
        .hasMessage(
            "the body of the request was in an unknown format - accepted media types include:"
                + " application/apply-patch+yaml, application/json-patch+json,"
                + " application/merge-patch+json, application/strategic-merge-patch+json");
  }

  private static JsonNode strategic(String object, String patch) {
    JsonNode before = json(object);
    JsonNode after = Patch.parse(StrategicPatch.MEDIA_TYPE, bytes(patch)).apply(before);
    assertThat(before).as("what is given stays as it was").isEqualTo(json(object));
    return after;
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }
}
