package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.server.objects.Meta;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class TagHistoryTest {
  private static final Instant EARLY = Instant.parse("2026-11-01T00:00:00Z");
  private static final Instant LATE = Instant.parse("2026-11-02T00:00:00Z");
  private static final TagEvent FIRST = new TagEvent(EARLY, "quay.io/a@sha256:1", "sha256:1", 1);
  private static final TagCondition FAILURE =
      new TagCondition("NotFound", "it is not there", 1, EARLY);
  private static final TagHistory FAILED = new TagHistory(List.of(FIRST), List.of(FAILURE));

  @Test
  void theFirstItemIsTheOnlyOne() {
    assertThat(new TagHistory(List.of(), List.of(FAILURE)).and(FIRST))
        .isEqualTo(new TagHistory(List.of(FIRST), List.of()));
  }

  @Test
  void anotherImageIsPutBeforeAndEndsTheConditions() {
    var next = new TagEvent(LATE, "quay.io/a@sha256:2", "sha256:2", 2);

    assertThat(FAILED.and(next)).isEqualTo(new TagHistory(List.of(next, FIRST), List.of()));
    assertThat(FAILED.and(next).latest()).contains(next);
  }

  @Test
  void theSameImageOnlyMovesTheGeneration() {
    var moved = new TagEvent(FIRST.created(), FIRST.reference(), FIRST.image(), 7);

    assertThat(FAILED.and(new TagEvent(LATE, FIRST.reference(), FIRST.image(), 7)))
        .isEqualTo(new TagHistory(List.of(moved), List.of()));
  }

  @Test
  void theSameImageOfTheSameGenerationChangesNothing() {
    assertThat(FAILED.and(new TagEvent(LATE, FIRST.reference(), FIRST.image(), 1)))
        .isEqualTo(FAILED);
  }

  @Test
  void theSameImageAtAnotherPlaceEditsTheLatestItem() {
    TagHistory two = FAILED.and(new TagEvent(LATE, "quay.io/a@sha256:2", "sha256:2", 2));

    assertThat(two.and(new TagEvent(LATE.plusSeconds(1), "other/b", "sha256:2", 3)))
        .isEqualTo(
            new TagHistory(
                List.of(new TagEvent(LATE, "other/b", "sha256:2", 3), FIRST), List.of()));
  }

  @Test
  void anotherImageAtTheSamePlaceEditsTheLatestItem() {
    assertThat(FAILED.and(new TagEvent(LATE, FIRST.reference(), "sha256:3", 3)))
        .isEqualTo(
            new TagHistory(
                List.of(new TagEvent(EARLY, FIRST.reference(), "sha256:3", 3)), List.of()));
  }

  @Test
  void whatIsNotTheLatestDoesNotCount() {
    var second = new TagEvent(LATE, "quay.io/a@sha256:2", "sha256:2", 2);
    var again = new TagEvent(LATE, FIRST.reference(), FIRST.image(), 3);

    assertThat(FAILED.and(second).and(again).items()).containsExactly(again, second, FIRST);
  }

  @Test
  void isReadAsItIsWritten() {
    assertThat(TagHistory.of(FAILED.json("v1"))).isEqualTo(FAILED);
    assertThat(FAILED.json("v1").toString())
        .isEqualTo(
            "{\"tag\":\"v1\",\"items\":[{\"created\":\"2026-11-01T00:00:00Z\","
                + "\"dockerImageReference\":\"quay.io/a@sha256:1\",\"image\":\"sha256:1\","
                + "\"generation\":1}],\"conditions\":[{\"type\":\"ImportSuccess\","
                + "\"status\":\"False\",\"lastTransitionTime\":\"2026-11-01T00:00:00Z\","
                + "\"reason\":\"NotFound\",\"message\":\"it is not there\",\"generation\":1}]}");
    assertThat(TagHistory.NONE.json("v1").toString()).isEqualTo("{\"tag\":\"v1\",\"items\":null}");
  }

  @Test
  void onlyFailuresOfImportsAreConditions() {
    String json =
        """
        {"items": null, "conditions": [
          {"type": "ImportSuccess", "status": "True", "reason": "a"},
          {"type": "Other", "status": "False", "reason": "b"},
          {"type": "ImportSuccess", "status": "False", "reason": "c"}]}
        """;

    assertThat(TagHistory.of(JsonMapper.shared().readTree(json)).conditions())
        .containsExactly(new TagCondition("c", "", 0, Instant.EPOCH));
    assertThat(TagHistory.of(JsonMapper.shared().readTree("{}")).isEmpty()).isTrue();
  }

  @Test
  void conditionsAreLikeEachOtherIfTheySayTheSame() {
    assertThat(FAILURE.isLike(new TagCondition("NotFound", "it is not there", 9, LATE))).isTrue();
    assertThat(FAILURE.isLike(new TagCondition("NotFound", "other", 1, EARLY))).isFalse();
    assertThat(FAILURE.since(LATE))
        .isEqualTo(new TagCondition("NotFound", "it is not there", 1, LATE));
  }

  @Test
  void whatSaysNoTimeIsAsOldAsCanBe() {
    assertThat(Meta.instant("yesterday")).isEqualTo(Instant.EPOCH);
    assertThat(Meta.instant("2026-11-01T02:00:00+02:00")).isEqualTo(EARLY);
    assertThat(Meta.time(EARLY.plusMillis(1))).isEqualTo("2026-11-01T00:00:00Z");
  }
}
