package dev.cistern.server.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class SelectorTest {
  private static final JsonNode OBJECT =
      JsonMapper.shared()
          .readTree(
              """
              {"metadata": {"name": "one", "namespace": "team", "labels":
                {"app": "web", "tier": "", "example.com/a_b": "x-1.2"}}, "type": "Opaque"}
              """);
  private static final JsonNode BARE = JsonMapper.shared().readTree("{}");
  private static final Map<String, Function<JsonNode, String>> FIELDS =
      Map.of("metadata.name", Meta::name, "type", object -> object.path("type").asString(""));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "  ",
        "app",
        "!other",
        "! other",
        "app=web",
        "app==web",
        " app = web ",
        "tier=",
        "tier==",
        "app!=db",
        "other!=db",
        "app in (web)",
        "app in ( db , web )",
        "app notin (db,cache)",
        "other notin (db)",
        "tier in ()",
        "example.com/a_b=x-1.2",
        "app in (web,db),tier=,!other"
      })
  void labelsThatAreMeant(String labels) {
    assertThat(Selector.parse(labels, "", Map.of()).test(OBJECT)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "!app",
        "other",
        "app=",
        "app=db",
        "app!=web",
        "app in (db)",
        "other in (web)",
        "other in ()",
        "app notin (web,db)",
        "app=web,tier=front"
      })
  void labelsThatAreNotMeant(String labels) {
    assertThat(Selector.parse(labels, "", Map.of()).test(OBJECT)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {",", "app=web,", "=web", "app=a b", "app in web", "app in (a", "a b", "-a"})
  void labelsThatCannotBeMeantAreRefused(String labels) {
    assertThatThrownBy(() -> Selector.parse(labels, "", Map.of()))
        .isInstanceOf(ApiException.class)
        .hasMessageStartingWith("unable to parse requirement: \"");
  }

  @Test
  void aRefusalNamesTheRequirement() {
    assertThatThrownBy(() -> Selector.parse("app=web, a b ", "", Map.of()))
        .isInstanceOfSatisfying(
            ApiException.class,
            e -> assertThat(e.reason()).isEqualTo(ApiException.Reason.BAD_REQUEST))
        .hasMessage(
            "unable to parse requirement: \"a b\": KEY=VALUE, KEY!=VALUE, KEY in (VALUES), KEY"
                + " notin (VALUES), KEY and !KEY are expected");
  }

  @ParameterizedTest
  @ValueSource(strings = {",", " ", "a,", " ,", "a ", "a in (b),", "a in (,"})
  @Timeout(10)
  void longTextsAreReadOnce(String part) {
    String text = part.repeat(300_000);

    for (String labels : List.of(text + "(", "a in (" + text + ")", "a" + text + "=" + text)) {
      try {
        assertThat(Selector.parse(labels, "", Map.of()).test(BARE)).isFalse();
      } catch (ApiException e) {
        assertThat(e).hasMessageStartingWith("unable to parse requirement: \"");
      }
    }
  }

  @Test
  void whatHasNoLabelsHasNone() {
    assertThat(Selector.parse("!app,app!=web,app notin (web)", "", Map.of()).test(BARE)).isTrue();
    assertThat(Selector.parse("app", "", Map.of()).test(BARE)).isFalse();
    assertThat(Selector.parse("", "", Map.of()).test(BARE)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "metadata.name=one",
        "metadata.name==one",
        "metadata.name!=two",
        "metadata.name=one,type=Opaque",
        "type!="
      })
  void fieldsThatAreMeant(String fields) {
    assertThat(Selector.parse("", fields, FIELDS).test(OBJECT)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"metadata.name=two", "metadata.name!=one", "metadata.name=one,type=x"})
  void fieldsThatAreNotMeant(String fields) {
    assertThat(Selector.parse("", fields, FIELDS).test(OBJECT)).isFalse();
  }

  @Test
  void fieldsThatCannotBeAskedForAreRefused() {
    assertThatThrownBy(() -> Selector.parse("", "spec.x=1", FIELDS))
        .isInstanceOf(ApiException.class)
        .hasMessage("field label not supported: spec.x");
    assertThatThrownBy(() -> Selector.parse("", "type", FIELDS))
        .isInstanceOf(ApiException.class)
        .hasMessage("invalid field selector: type: FIELD=VALUE is expected");
  }

  @Test
  void labelsAndFieldsMustBothBeMet() {
    assertThat(Selector.parse("app=web", "type=Opaque", FIELDS).test(OBJECT)).isTrue();
    assertThat(Selector.parse("app=web", "type=other", FIELDS).test(OBJECT)).isFalse();
    assertThat(Selector.parse("app=db", "type=Opaque", FIELDS).test(OBJECT)).isFalse();
  }
}
