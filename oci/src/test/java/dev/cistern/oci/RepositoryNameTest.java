package dev.cistern.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RepositoryNameTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"a", "library/alpine", "a.b/c_d/e__f/g-h/i----j", "quay.io/a/b", "0/1", "a/a/a/a"})
  void aNameIsWrittenAsItWasParsed(String text) {
    assertThat(new RepositoryName(text)).hasToString(text);
  }

  @Test
  void theFirstComponentEndsAtTheFirstSlash() {
    assertThat(new RepositoryName("quay.io/a/b").first()).isEqualTo("quay.io");
    assertThat(new RepositoryName("alpine").first()).isEqualTo("alpine");
  }

  @Test
  void aNameMayHave255CharactersAndNotOneMore() {
    String longest = "a/".repeat(127) + "a";

    assertThat(new RepositoryName(longest).path()).hasSize(255);
    assertThatThrownBy(() -> new RepositoryName(longest + "a")).isInstanceOf(OciException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "A",
        "a/B",
        ".a",
        "a.",
        "a..b",
        "a___b",
        "_a",
        "a_",
        "-a",
        "a-",
        "a/-b",
        "a/../b",
        "../a",
        "a b",
        "a:b",
        "a@b",
        "localhost:5000/a",
        "ä",
        "a\n",
        "a%2fb"
      })
  void whatIsNoNameIsRefused(String text) {
    assertThatThrownBy(() -> new RepositoryName(text))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NAME_INVALID));
  }

  @Test
  void aNameThatNearlyFitsIsRefusedWithoutLongSearching() {
    assertThatThrownBy(() -> new RepositoryName("a-".repeat(127) + "a!"))
        .isInstanceOf(OciException.class);
    assertThatThrownBy(() -> new RepositoryName("-".repeat(255))).isInstanceOf(OciException.class);
  }

  @Test
  void namesAreOrderedByTheirBytes() {
    assertThat(new RepositoryName("a-b")).isLessThan(new RepositoryName("a/b"));
    assertThat(new RepositoryName("a")).isLessThan(new RepositoryName("a-b"));
  }
}
