package dev.cistern.base;

import java.time.Instant;
import java.time.InstantSource;

/**
 * A clock for durations within the process: its instants are a running time, not a date, and no one
 * who sets the machine's clock moves them. They may be compared with each other only, and never be
 * stored.
 */
public final class MonotonicClock implements InstantSource {
  /** The one of the process; it has no state but where it began. */
  public static final MonotonicClock SYSTEM = new MonotonicClock(System.nanoTime());

  private final long origin;

  private MonotonicClock(long origin) {
    this.origin = origin;
  }

  /** Returns the time since the process began to measure, counted from the epoch. */
  @Override
  public Instant instant() {
    return Instant.EPOCH.plusNanos(System.nanoTime() - origin);
  }
}
