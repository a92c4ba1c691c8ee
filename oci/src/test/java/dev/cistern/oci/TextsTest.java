package dev.cistern.oci;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TextsTest {
  @Test
  void plainTextIsShownInQuotes() {
    assertThat(Texts.shown("library/alpine")).isEqualTo("\"library/alpine\"");
    assertThat(Texts.shown("")).isEqualTo("\"\"");
  }

  @Test
  void whatCouldFoolAReaderIsEscaped() {
    assertThat(Texts.shown("a\r\nb\u001b[31m")).isEqualTo("\"a\\u000d\\u000ab\\u001b[31m\"");
    assertThat(Texts.shown("\u202eab\u0000\u007f")).isEqualTo("\"\\u202eab\\u0000\\u007f\"");
  }

  @Test
  void whatOthersSayHasNoQuotes() {
    assertThat(Texts.cut("found a\n")).isEqualTo("found a\\u000a");
    assertThat(Texts.cut("x".repeat(201))).isEqualTo("x".repeat(200) + "...");
  }

  @Test
  void longTextIsCut() {
    assertThat(Texts.shown("x".repeat(200))).isEqualTo('"' + "x".repeat(200) + '"');
    assertThat(Texts.shown("x".repeat(201))).isEqualTo('"' + "x".repeat(200) + "...\"");
  }
}
