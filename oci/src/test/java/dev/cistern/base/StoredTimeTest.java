package dev.cistern.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StoredTimeTest {
  private static final Instant NOW = Instant.parse("2026-11-30T12:00:00Z");

  private final AtomicReference<Instant> wall = new AtomicReference<>(NOW);
  private final AtomicReference<Instant> running = new AtomicReference<>(Instant.EPOCH);
  private final List<Duration> told = new ArrayList<>();
  private final ClockJumps jumps = new ClockJumps(wall::get, running::get, told::add);

  private void pass(Duration onTheWall, Duration really) {
    wall.updateAndGet(now -> now.plus(onTheWall));
    running.updateAndGet(now -> now.plus(really));
  }

  @ParameterizedTest
  @CsvSource({
    "PT-1H, false, PT-1H",
    "PT0S, false, PT0S",
    "PT4M59S, false, PT0S",
    "PT5M, false, PT0S",
    "PT5M0.001S, true, PT0S",
    "P365D, true, PT0S"
  })
  void aTimeIsUnknownBeyondFiveMinutesAhead(Duration ahead, boolean isUnknown, Duration age) {
    Instant stored = NOW.plus(ahead);

    assertThat(StoredTime.isUnknown(stored, NOW)).isEqualTo(isUnknown);
    assertThat(StoredTime.known(stored, NOW).isEmpty()).isEqualTo(isUnknown);
    assertThat(StoredTime.known(stored, NOW).orElse(NOW.plus(age))).isEqualTo(NOW.plus(age));
    assertThat(StoredTime.ageBegins(stored, NOW)).isEqualTo(NOW.plus(age));
  }

  @ParameterizedTest
  @CsvSource({
    "PT10M, PT10M, PT0S",
    "PT1H10M, PT10M, PT0S",
    "PT1H10M1S, PT10M, PT1H1S",
    "P365D, PT10M, P364DT23H50M",
    "PT5M, PT10M, PT0S",
    "PT4M59S, PT10M, PT-5M-1S",
    "P-365D, PT10M, P-365DT-10M"
  })
  void aJumpIsSeenBeyondItsBound(Duration onTheWall, Duration really, Duration size) {
    pass(onTheWall, really);

    assertThat(jumps.look().orElse(Duration.ZERO)).isEqualTo(size);
    assertThat(jumps.look()).as("it is told once").isEmpty();
    assertThat(jumps.count()).isEqualTo(size.isZero() ? 0 : 1);
    assertThat(told).isEqualTo(size.isZero() ? List.of() : List.of(size));
  }

  @ParameterizedTest
  @CsvSource({"PT10M, PT0S", "P30D, PT0S", "P30DT1S, P30DT1S", "PT-5M, PT0S", "PT-5M-1S, PT-5M-1S"})
  void soIsOneWhileTheProcessWasDown(Duration sinceNewest, Duration size) {
    assertThat(jumps.lookAtStart(NOW.minus(sinceNewest)).orElse(Duration.ZERO)).isEqualTo(size);
  }

  @Test
  void afterAJumpForwardDeletionsWaitOneMoreOfTheirPeriods() {
    pass(Duration.ofDays(365), Duration.ofMinutes(1));

    assertThat(jumps.holds(Duration.ofHours(1))).isTrue();
    pass(Duration.ofMinutes(59), Duration.ofMinutes(59));
    assertThat(jumps.holds(Duration.ofHours(1))).isTrue();
    pass(Duration.ofMinutes(1), Duration.ofMinutes(1));
    assertThat(jumps.holds(Duration.ofHours(1))).as("at its end").isFalse();
    assertThat(jumps.holds(Duration.ofDays(1))).as("of a longer period").isTrue();
  }

  @Test
  void aJumpBackHoldsNothing() {
    pass(Duration.ofDays(-365), Duration.ofMinutes(1));

    assertThat(jumps.holds(Duration.ofDays(1))).isFalse();
  }
}
