package dev.cistern.mirror;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class CacheStatusTest {
  @Test
  void headersAreThoseOfTheRfc() {
    assertThat(CacheStatus.HIT.header()).isEqualTo("cistern; hit");
    assertThat(CacheStatus.HIT.freshFor(Duration.ofSeconds(30)).header())
        .isEqualTo("cistern; hit; ttl=30");
    assertThat(CacheStatus.miss("quay.io").header()).isEqualTo("cistern; fwd=uri-miss; stored");
    assertThat(CacheStatus.passed("quay.io").header()).isEqualTo("cistern; fwd=uri-miss");
    assertThat(CacheStatus.of(CacheStatus.Outcome.JOINED, "quay.io").header())
        .isEqualTo("cistern; fwd=uri-miss; collapsed");
  }

  @Test
  void aReasonCannotBreakTheHeader() {
    assertThat(
            CacheStatus.of(CacheStatus.Outcome.STALE, "quay.io")
                .because("it said \"no\\\"\r\nX: y\u00e9")
                .header())
        .isEqualTo("cistern; fwd=stale; detail=\"it said 'no''''X: y'\"");
  }
}
