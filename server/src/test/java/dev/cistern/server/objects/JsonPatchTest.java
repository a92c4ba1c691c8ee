package dev.cistern.server.objects;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** JSON patches (RFC 6902, with examples of its appendix A). */
class JsonPatchTest {
  private static final String UNABLE =
      "the server rejected our request due to an error in our request: ";
  private static final String NOTHING = ": there is nothing at that path";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"a":1}           | {"op":"add","path":"/b","value":{"c":2}}           | {"a":1,"b":{"c":2}}
          {"a":1}           | {"op":"add","path":"/a","value":null}              | {"a":null}
          {"a":[1,3]}       | {"op":"add","path":"/a/1","value":2}               | {"a":[1,2,3]}
          {"a":[1]}         | {"op":"add","path":"/a/1","value":2}               | {"a":[1,2]}
          {"a":[1]}         | {"op":"add","path":"/a/-","value":[2]}             | {"a":[1,[2]]}
          {"a":1}           | {"op":"add","path":"","value":{"b":2}}             | {"b":2}
          {"a":1}           | {"op":"add","path":"/","value":2}                  | {"a":1,"":2}
          {"a/b":{"~":1}}   | {"op":"replace","path":"/a~1b/~0","value":2}       | {"a/b":{"~":2}}
          {"~1":1}          | {"op":"remove","path":"/~01"}                      | {}
          {"a":1,"b":2}     | {"op":"remove","path":"/a"}                        | {"b":2}
          {"a":[1,2,3]}     | {"op":"remove","path":"/a/1"}                      | {"a":[1,3]}
          {"a":1}           | {"op":"replace","path":"/a","value":[2]}           | {"a":[2]}
          {"a":[1,2]}       | {"op":"replace","path":"/a/1","value":3}           | {"a":[1,3]}
          {"a":1}           | {"op":"replace","path":"","value":{}}              | {}
          {"a":{"b":1}}     | {"op":"move","from":"/a/b","path":"/c"}            | {"a":{},"c":1}
          {"a":[1,2,3]}     | {"op":"move","from":"/a/0","path":"/a/2"}          | {"a":[2,3,1]}
          {"a":1}           | {"op":"move","from":"/a","path":"/a"}              | {"a":1}
          {"a":{"b":1}}     | {"op":"copy","from":"/a","path":"/c"}              | {"a":{"b":1},"c":{"b":1}}
          {"a":[1]}         | {"op":"copy","from":"/a/0","path":"/a/-"}          | {"a":[1,1]}
          {"a":1}           | {"op":"copy","from":"","path":"/b"}                | {"a":1,"b":{"a":1}}
          {"a":{"b":[1]}}   | {"op":"test","path":"/a","value":{"b":[1]}}        | {"a":{"b":[1]}}
          {"a":"é"}         | {"op":"test","path":"/a","value":"\\u00e9"}         | {"a":"é"}
          {"a":1}           | {"op":"test","path":"/a","value":1.0}              | {"a":1}
          {"a":[{"b":10}]}  | {"op":"test","path":"/a","value":[{"b":1e1}]}      | {"a":[{"b":10}]}
          {"a":1}           | {"op":"add","path":"/b","value":2,"x":"ignored"}   | {"a":1,"b":2}
          """)
  void anOperationIsMade(String object, String operation, String result) {
    JsonNode before = json(object);

    assertThat(patch("[" + operation + "]").apply(before)).isEqualTo(json(result));
    assertThat(before).as("what is given stays as it was").isEqualTo(json(object));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"a":1}      | {"op":"add","path":"/b/c","value":2}       | /b/c
          {"a":1}      | {"op":"add","path":"/a/b","value":2}       | /a/b
          {"a":[1]}    | {"op":"add","path":"/a/2","value":2}       | /a/2
          {"a":[1]}    | {"op":"add","path":"/a/01","value":2}      | /a/01
          {"a":[1]}    | {"op":"add","path":"/a/-1","value":2}      | /a/-1
          {"a":[1]}    | {"op":"add","path":"/a/9999999999","value":2} | /a/9999999999
          {"a":[1]}    | {"op":"add","path":"/a/b","value":2}       | /a/b
          {"a":1}      | {"op":"remove","path":"/b"}                | /b
          {"a":[1]}    | {"op":"remove","path":"/a/1"}              | /a/1
          {"a":[1]}    | {"op":"remove","path":"/a/-"}              | /a/-
          {"a":1}      | {"op":"replace","path":"/b","value":2}     | /b
          {"a":1}      | {"op":"move","from":"/b","path":"/c"}      | /b
          {"a":1}      | {"op":"copy","from":"/b","path":"/c"}      | /b
          {"a":1}      | {"op":"test","path":"/b","value":null}     | /b
          """)
  void anOperationOnNothingIsRefused(String object, String operation, String path) {
    assertThatThrownBy(() -> patch("[" + operation + "]").apply(json(object)))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(422))
        .hasMessage(UNABLE + path + NOTHING);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"op":"test","path":"/a","value":2}
          {"op":"test","path":"/a","value":"1"}
          {"op":"test","path":"/a","value":null}
          {"op":"test","path":"/a","value":1.5}
          {"op":"test","path":"/a","value":1e999}
          {"op":"test","path":"/a","value":100000000000000000000000000000001}
          """)
  void aTestThatFailsIsRefused(String operation) {
    assertThatThrownBy(() -> patch("[" + operation + "]").apply(json("{\"a\":1}")))
        .isInstanceOf(ApiException.class)
        .hasMessage(UNABLE + "/a: testing value failed");
  }

  @Test
  void aNumberThatWasWrittenByTheServerIsTheOneThatAClientWrites() {
    var object = JsonMapper.shared().createObjectNode().put("generation", 2L);

    assertThat(patch("[{\"op\":\"test\",\"path\":\"/generation\",\"value\":2}]").apply(object))
        .isEqualTo(object);
  }

  @Test
  void aValueCannotBeMovedIntoItself() {
    assertThatThrownBy(() ->
            patch("[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b\"}]")
                .apply(json("{\"a\":{}}")))
        .isInstanceOf(ApiException.class)
        .hasMessage(UNABLE + "/a/b: a value cannot be moved into itself");
  }

  @Test
  void allOperationsAreMadeOrNone() {
    JsonNode before = json("{\"a\":1}");

    assertThat(
            patch(
                    """
                    [{"op":"add","path":"/b","value":{}},{"op":"add","path":"/b/c","value":2},
                     {"op":"move","from":"/b/c","path":"/d"},{"op":"remove","path":"/a"}]
                    """)
                .apply(before))
        .isEqualTo(json("{\"b\":{},\"d\":2}"));
    assertThatThrownBy(() ->
            patch("[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"remove\",\"path\":\"/a\"}]")
                .apply(before))
        .hasMessage(UNABLE + "/a" + NOTHING);
    assertThat(before).isEqualTo(json("{\"a\":1}"));
  }

  @Test
  void theWholeCanBeTakenAndMadeAnew() {
    assertThat(patch("[{\"op\":\"remove\",\"path\":\"\"}]").apply(json("{}")).isMissingNode())
        .isTrue();
    assertThat(
            patch("[{\"op\":\"remove\",\"path\":\"\"},{\"op\":\"add\",\"path\":\"\",\"value\":{}}]")
                .apply(json("{\"a\":1}")))
        .isEqualTo(json("{}"));
    assertThatThrownBy(() ->
            patch("[{\"op\":\"remove\",\"path\":\"\"},{\"op\":\"remove\",\"path\":\"\"}]")
                .apply(json("{}")))
        .hasMessage(UNABLE + "/" + NOTHING);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"path":"/a"}                          | op: add, remove, replace, move, copy or test is expected, not ""
          {"op":"ADD","path":"/a","value":1}     | op: add, remove, replace, move, copy or test is expected, not "ADD"
          {"op":"add","path":"/a"}               | the operation add lacks value or from
          {"op":"add","path":"/a","from":"/b"}   | the operation add lacks value
          {"op":"replace","path":"/a"}           | the operation replace lacks value or from
          {"op":"test","path":"/a"}              | the operation test lacks value or from
          {"op":"move","path":"/a"}              | the operation move lacks value or from
          {"op":"copy","path":"/a","value":1}    | the operation copy lacks value or from
          {"op":"remove"}                        | path and from: a JSON pointer such as /spec/tags is expected
          {"op":"remove","path":"a"}             | path and from: a JSON pointer such as /spec/tags is expected
          {"op":"remove","path":1}               | path and from: a JSON pointer such as /spec/tags is expected
          {"op":"move","path":"/a","from":"b"}   | path and from: a JSON pointer such as /spec/tags is expected
          1                                      | op: add, remove, replace, move, copy or test is expected, not ""
          """)
  void whatIsNoOperationIsRefused(String operation, String message) {
    assertThatThrownBy(() -> patch("[" + operation + "]"))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(400))
        .hasMessage(message);
  }

  @Test
  void whatIsNoListIsRefused() {
    assertThatThrownBy(() -> patch("{\"op\":\"remove\",\"path\":\"/a\"}"))
        .isInstanceOf(ApiException.class)
        .hasMessage("a JSON patch is a list of operations (RFC 6902)");
  }

  @Test
  void tooManyOperationsAreRefused() {
    String remove = "{\"op\":\"test\",\"path\":\"\",\"value\":{}}";

    assertThat(patch(list(remove, 10_000)).apply(json("{}"))).isEqualTo(json("{}"));
    assertThatThrownBy(() -> patch(list(remove, 10_001)))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(413))
        .hasMessage("The allowed maximum operations in a JSON patch is 10000, got 10001");
  }

  @Test
  void copiesThatGrowWithoutEndAreRefused() {
    String twice = "{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/-\"}";

    assertThatThrownBy(() -> patch(list(twice, 60)).apply(json("{\"a\":[1]}")))
        .isInstanceOfSatisfying(
            ApiException.class, e -> assertThat(e.reason().status()).isEqualTo(413))
        .hasMessageStartingWith("Unable to complete the copy, the accumulated size increase of");
  }

  @Test
  void whatIsNestedTooDeepIsRefused() {
    String deeper = "{\"op\":\"copy\",\"from\":\"\",\"path\":\"/a\"}";
    String value = "[".repeat(400) + "]".repeat(400);
    String twice =
        """
        [{"op":"add","path":"/a","value":%s},{"op":"add","path":"/a%s/-","value":%s}]
        """
            .formatted(value, "/0".repeat(399), value);

    for (String patch : new String[] {list(deeper, 600), twice}) {
      assertThatThrownBy(() -> patch(patch).apply(json("{}")))
          .isInstanceOf(ApiException.class)
          .hasMessageContaining("nested deeper than 400 levels");
    }
  }

  private static String list(String operation, int times) {
    return "[" + String.join(",", Collections.nCopies(times, operation)) + "]";
  }

  private static Patch patch(String text) {
    return Patch.parse(JsonPatch.MEDIA_TYPE, text.getBytes(UTF_8));
  }

  private static JsonNode json(String text) {
    return JsonMapper.shared().readTree(text);
  }
}
