package dev.cistern.server.cli.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.StringNode;

/** Numbers, times and objects as oc writes and reads them. */
class TextsTest {
  @ParameterizedTest
  @CsvSource({
    "0,0B",
    "999,999B",
    "1000,1kB",
    "45234567,45.23MB",
    "999960,1000kB",
    "1234567890,1.235GB",
    "20000000000000,20TB",
  })
  void sizesHaveFourDigits(long bytes, String text) {
    assertThat(Sizes.human(bytes)).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"0,0", "60m,3600", "1h30m,5400", "1.5h,5400", "90s,90", "1500ms,1", "-1h,-3600"})
  void timesAreOfHoursMinutesAndSeconds(String text, long seconds) {
    assertThat(GoDuration.parse(text))
        .isBetween(Duration.ofSeconds(seconds), Duration.ofSeconds(seconds).plusMillis(999));
  }

  @ParameterizedTest
  @CsvSource({"''", "60", "1d", "h", "m1", "--1h", "1h 30m"})
  void otherTimesAreRefused(String text) {
    assertThatThrownBy(() -> GoDuration.parse(text))
        .isInstanceOf(ObjectException.class)
        .hasMessageContaining("a time such as 60m, 1h30m or 0 is expected");
  }

  @Test
  void aColumnIsAsWideAsTheLinesNextToEachOtherNeed() {
    assertThat(TabbedText.aligned("Name:\ta\nImage Repository:\tb\n\nlatest\nArch:\tc\n"))
        .isEqualTo("Name:\t\t\ta\nImage Repository:\tb\n\nlatest\nArch:\tc\n");
    assertThat(TabbedText.aligned("M:\tlinux/amd64\tx\n\tl/a\ty\n"))
        .isEqualTo("M:\tlinux/amd64\tx\n\tl/a\t\ty\n");
  }

  @Test
  void quotesAreEscaped() {
    assertThat(Quoted.of("a \"b\"\n\\")).isEqualTo("\"a \\\"b\\\"\\n\\\\\"");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "abc | abc",
        "5f5ddd3c-1fc4-4d7d | 5f5ddd3c-1fc4-4d7d",
        "127.0.0.1:5000/a/b@sha256:1 | 127.0.0.1:5000/a/b@sha256:1",
        "says \"no\" | says \"no\"",
        "12 | \"12\"",
        "1e3 | \"1e3\"",
        "0x1f | \"0x1f\"",
        "1:30 | \"1:30\"",
        "true | \"true\"",
        "No | \"No\"",
        "2026-11-26T10:00:00Z | \"2026-11-26T10:00:00Z\"",
        "a: b | 'a: b'",
        "a # b | 'a # b'",
        "* | '*'",
        "-a | -a",
        "- a | '- a'",
        "it's | it's",
        "'x' | '''x'''",
      })
  void aTextIsInQuotesOnlyIfItWouldBeReadAsSomethingElse(String text, String yaml) {
    assertThat(YamlText.of(StringNode.valueOf(text))).isEqualTo(yaml + "\n");
  }

  @Test
  void aLongTextStaysOneLine() {
    String text = "LS0t".repeat(10_000);
    assertThat(YamlText.of(StringNode.valueOf(text))).isEqualTo(text + "\n");
  }

  @Test
  void fieldsAreFromAToZAndListsAreNotIndented() {
    JsonNode json =
        JsonMapper.shared()
            .readTree(
                """
                {"b":[{"y":1,"x":{"k":null}},[1,2],"t"],"a":{},"d":[],"c":"l\\n  m\\n","e":" x"}
                """);
    assertThat(YamlText.of(json))
        .isEqualTo(
            """
            a: {}
            b:
            - x:
                k: null
              "y": 1
            - - 1
              - 2
            - t
            c: |
              l
                m
            d: []
            e: ' x'
            """);
    assertThat(ObjectText.json(JsonMapper.shared().readTree("{\"b\":[1],\"a\":{}}")))
        .isEqualTo("{\n    \"a\": {},\n    \"b\": [\n        1\n    ]\n}\n");
  }
}
