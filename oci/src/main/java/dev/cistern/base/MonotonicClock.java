package dev.cistern.base;

import java.time.Instant;
import java.time.InstantSource;

/**
 * A clock for durations within the process. Its instants are a running time, not a date, and
 * changes to the machine's clock do not affect them. They may only be compared with each other, and
 * never be stored.
 */
public final class MonotonicClock implements InstantSource {
  /** The clock of the process. Its only state is its origin. */
  public static final MonotonicClock SYSTEM = new MonotonicClock(System.nanoTime());

  private final long origin;

  private MonotonicClock(long origin) {
    this.origin = origin;
  }

  /** Returns the time since this class was loaded, added to the epoch. */
  @Override
  public Instant instant() {
    return Instant.EPOCH.plusNanos(System.nanoTime() - origin);
  }
}
