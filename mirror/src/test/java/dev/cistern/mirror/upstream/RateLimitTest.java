package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RateLimitTest {
  private static final Instant NOW = Instant.EPOCH;

  @Test
  void readsWhatDockerHubSends() {
    assertThat(RateLimit.parse("100;w=21600", "76;w=21600", NOW))
        .contains(new RateLimit(100, 76, Optional.of(Duration.ofHours(6)), NOW));
  }

  @Test
  void theWindowMayBeMissing() {
    assertThat(RateLimit.parse("100", " 0 ", NOW))
        .contains(new RateLimit(100, 0, Optional.empty(), NOW));
  }

  @ParameterizedTest
  @CsvSource({"'', ''", "100, ''", "'', 76", "many, 76", "100, -1", "9999999999999999999, 1"})
  void everythingElseSaysNothing(String limit, String remaining) {
    assertThat(RateLimit.parse(limit, remaining, NOW)).isEmpty();
  }
}
