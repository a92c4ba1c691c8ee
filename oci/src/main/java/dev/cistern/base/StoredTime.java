package dev.cistern.base;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * The meaning of a stored time against now. Clocks are set wrong and set right again: a stored time
 * that is later than now by more than {@link #TOLERANCE} is unknown, whatever was stored. It makes
 * nothing fresh, young, recently used or not yet due, and nothing is deleted early because of it.
 */
public final class StoredTime {
  /** How much later than now a time may be that counts as now: clocks differ, and are adjusted. */
  public static final Duration TOLERANCE = Duration.ofMinutes(5);

  private StoredTime() {}

  /** Returns whether a stored time lies in the future, and so says nothing. */
  public static boolean isUnknown(Instant stored, Instant now) {
    return stored.isAfter(now.plus(TOLERANCE));
  }

  /**
   * Returns a stored time for what must be checked again if it is unknown: freshness, schedules.
   *
   * @return at most now; empty if it is unknown
   */
  public static Optional<Instant> known(Instant stored, Instant now) {
    return isUnknown(stored, now) ? Optional.empty() : Optional.of(earlier(stored, now));
  }

  /**
   * Returns a stored time for what is deleted by age: the age of what has an unknown time begins
   * now.
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
