package dev.cistern.base;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * A detector of jumps of the wall clock. It compares the wall clock with the monotonic clock at
 * every call of {@link #look}, and with the newest stored time at a start. After a jump forward,
 * everything stored appears old at once. Therefore, deletions by age wait for one more of their
 * periods, measured by the monotonic clock.
 *
 * <p>Safe for all threads; does not block.
 */
public final class ClockJumps {
  /** The gain on the monotonic clock above which there is a jump forward. */
  public static final Duration FORWARD = Duration.ofHours(1);

  /** The time since the newest stored time above which there is a jump forward, at a start. */
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
   * @param monotonic the clock for durations; see {@link MonotonicClock}
   * @param told receives the size of each jump, negative for a jump back, on the thread that looks
   */
  public ClockJumps(InstantSource wall, InstantSource monotonic, Consumer<Duration> told) {
    this.told = told;
    this.wall = wall;
    this.monotonic = monotonic;
    this.lastWall = wall.instant();
    this.lastMonotonic = monotonic.instant();
  }

  /**
   * Compares the current time with the newest stored time; called once, at a start.
   *
   * @return the size of the jump since then, negative for a jump back; empty if there was none
   */
  public synchronized Optional<Duration> lookAtStart(Instant newestStored) {
    Duration gain = Duration.between(newestStored, wall.instant());
    return noted(gain, FORWARD_AT_START);
  }

  /**
   * Compares the changes of the two clocks since the last call.
   *
   * @return the size of the wall clock's jump, negative for a jump back; empty if there was none
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
   * Returns whether a deletion by age has to wait, because the last jump forward was less than one
   * period ago. Calls {@link #look} first.
   */
  public synchronized boolean holds(Duration period) {
    look();
    return forward.filter(when -> monotonic.instant().isBefore(when.plus(period))).isPresent();
  }

  /** Returns the number of jumps since the start. */
  public long count() {
    return count.get();
  }
}
