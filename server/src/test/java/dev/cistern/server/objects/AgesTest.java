package dev.cistern.server.objects;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AgesTest {
  private static final Instant NOW = Instant.parse("2026-11-26T10:00:00Z");

  @ParameterizedTest
  @CsvSource({
    "PT0S,0s",
    "PT119S,119s",
    "PT2M,2m",
    "PT6M5S,6m5s",
    "PT10M5S,10m",
    "PT2H59M,179m",
    "PT3H10M,3h10m",
    "PT8H10M,8h",
    "PT47H,47h",
    "P2DT3H,2d3h",
    "P8DT3H,8d",
    "P729D,729d",
    "P740D,2y10d",
    "P3000D,8y",
  })
  void agesAreAsKubectlHasThem(Duration age, String text) {
    var object = Meta.empty(Kinds.NAMESPACE);
    Meta.of(object).put("creationTimestamp", Meta.time(NOW.minus(age)));
    assertThat(Ages.of(object, NOW)).isEqualTo(text);
  }
}
