package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ChallengeTest {
  @Test
  void parametersQuotedAndNot() {
    assertThat(
            Challenge.parse(
                "Bearer realm=\"https://a/token?x=1,2\", service=registry ,scope=\"a:b:pull\""))
        .isEqualTo(
            new Challenge(
                "bearer",
                Map.of(
                    "realm", "https://a/token?x=1,2",
                    "service", "registry",
                    "scope", "a:b:pull")));
  }

  @Test
  void quotesInQuotesAreUnescaped() {
    assertThat(Challenge.parse("Basic realm=\"a \\\"b\\\"\"").parameters())
        .containsEntry("realm", "a \"b\"");
  }

  @Test
  void aSchemeAlone() {
    assertThat(Challenge.parse("Negotiate")).isEqualTo(new Challenge("negotiate", Map.of()));
  }

  @Test
  void theSchemeThatIsLikedBestIsChosen() {
    assertThat(Challenge.choose(List.of("Basic realm=a", "Bearer realm=b"), "bearer", "basic"))
        .map(Challenge::scheme)
        .contains("bearer");
    assertThat(Challenge.choose(List.of("Negotiate"), "bearer", "basic")).isEmpty();
  }

  @Test
  void nonsenseHasNoParameters() {
    assertThat(Challenge.parse("Bearer ,,,===\"\"\"").parameters()).isEmpty();
    assertThat(Challenge.parse("").parameters()).isEmpty();
  }

  @Test
  void aHeaderOfAnyLengthIsReadOrLeft() {
    String longest = "Bearer realm=\"" + "\\a".repeat(4000) + "\"";
    assertThat(Challenge.parse(longest).parameters()).containsEntry("realm", "a".repeat(4000));
    assertThat(Challenge.parse("Bearer realm=\"" + "\\a".repeat(1 << 20) + "\""))
        .isEqualTo(new Challenge("", Map.of()));
  }
}
