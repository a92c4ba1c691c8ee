package dev.cistern.base;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * The interpretation of stored times relative to the current time. Clocks are set wrong and
 * corrected again. A stored time that is later than now by more than {@link #TOLERANCE} counts as
 * unknown, regardless of its value. It makes nothing fresh, young, recently used or not yet due,
 * and nothing is deleted early because of it.
 */
public final class StoredTime {
  /**
   * The time by which a stored time may be later than now and still count as now. Clocks differ,
   * and are adjusted.
   */
  public static final Duration TOLERANCE = Duration.ofMinutes(5);

  private StoredTime() {}

  /** Returns whether a stored time lies in the future and is therefore unknown. */
  public static boolean isUnknown(Instant stored, Instant now) {
    return stored.isAfter(now.plus(TOLERANCE));
  }

  /**
   * Returns a stored time for checks that are repeated if it is unknown: freshness, schedules.
   *
   * @return at most now; empty if it is unknown
   */
  public static Optional<Instant> known(Instant stored, Instant now) {
    return isUnknown(stored, now) ? Optional.empty() : Optional.of(earlier(stored, now));
  }

  /**
   * Returns a stored time for deletions by age. If it is unknown, the age begins now.
   *
   * @return at most now
   */
  public static Instant ageBegins(Instant stored, Instant now) {
    return earlier(stored, now);
  }

  private static Instant earlier(Instant one, Instant other) {
    return one.isBefore(other) ? one : other;
  }
}
