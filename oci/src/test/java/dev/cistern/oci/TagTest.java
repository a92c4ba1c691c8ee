package dev.cistern.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TagTest {
  @ParameterizedTest
  @ValueSource(strings = {"latest", "1.0.0", "_", "v1-rc_2.3", "A", "0", "a.", "a-"})
  void aTagIsWrittenAsItWasParsed(String text) {
    assertThat(new Tag(text)).hasToString(text);
  }

  @Test
  void aTagMayHave128CharactersAndNotOneMore() {
    assertThat(new Tag("a".repeat(128)).name()).hasSize(128);
    assertThatThrownBy(() -> new Tag("a".repeat(129))).isInstanceOf(OciException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".a", "-a", "a b", "a/b", "a:b", "a@b", "a+b", "ä", "a\n", "a\u0000"})
  void whatIsNoTagIsRefused(String text) {
    assertThatThrownBy(() -> new Tag(text))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TAG_INVALID));
  }
}
