package dev.cistern.base;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * Jumps of the wall clock, found by comparing it with the monotonic clock at every look, and with
 * the newest stored time at a start. After a jump forward all that is stored looks old at once, so
 * deletions by age wait one more of their periods, measured by the monotonic clock.
 *
 * <p>Safe for all threads; does not block.
 */
public final class ClockJumps {
  /** A gain on the monotonic clock that is a jump forward. */
  public static final Duration FORWARD = Duration.ofHours(1);

  /** A time since the newest stored time that is a jump forward, at a start. */
  public static final Duration FORWARD_AT_START = Duration.ofDays(30);

  private final InstantSource wall;
  private final InstantSource monotonic;
  private final Consumer<Duration> told;
  private final AtomicLong count = new AtomicLong();
  private Instant lastWall;
  private Instant lastMonotonic;
  private Optional<Instant> forward = Optional.empty();

  /**
   * @param wall the clock whose times are stored
   * @param monotonic see {@link MonotonicClock}
   * @param told is told the size of each jump, negative for back, by the thread that looks
   */
  public ClockJumps(InstantSource wall, InstantSource monotonic, Consumer<Duration> told) {
    this.told = told;
    this.wall = wall;
    this.monotonic = monotonic;
    this.lastWall = wall.instant();
    this.lastMonotonic = monotonic.instant();
  }

  /**
   * Compares now with the newest stored time; once, at a start.
   *
   * @return how far the clock jumped since, negative for back; empty if it did not
   */
  public synchronized Optional<Duration> lookAtStart(Instant newestStored) {
    Duration gain = Duration.between(newestStored, wall.instant());
    return noted(gain, FORWARD_AT_START);
  }

  /**
   * Compares the two clocks since the last look.
   *
   * @return how far the wall clock jumped since, negative for back; empty if it did not
   */
  public synchronized Optional<Duration> look() {
    Instant nowWall = wall.instant();
    Instant nowMonotonic = monotonic.instant();
    Duration gain =
        Duration.between(lastWall, nowWall).minus(Duration.between(lastMonotonic, nowMonotonic));
    lastWall = nowWall;
    lastMonotonic = nowMonotonic;
    return noted(gain, FORWARD);
  }

  private Optional<Duration> noted(Duration gain, Duration most) {
    boolean isForward = gain.compareTo(most) > 0;
    if (!isForward && gain.compareTo(StoredTime.TOLERANCE.negated()) >= 0) {
      return Optional.empty();
    }
    count.incrementAndGet();
    if (isForward) {
      forward = Optional.of(monotonic.instant());
    }
    told.accept(gain);
    return Optional.of(gain);
  }

  /**
   * Returns whether a deletion by age has to wait: whether the last jump forward was less than one
   * period ago. Looks at the clocks first.
   */
  public synchronized boolean holds(Duration period) {
    look();
    return forward.filter(when -> monotonic.instant().isBefore(when.plus(period))).isPresent();
  }

  /** Returns how many jumps were found since the start. */
  public long count() {
    return count.get();
  }
}
