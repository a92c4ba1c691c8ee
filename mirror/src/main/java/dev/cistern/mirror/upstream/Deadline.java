package dev.cistern.mirror.upstream;

import java.time.Duration;
import java.util.Optional;

/**
 * When a question to an upstream has to be answered whole, by the monotonic clock. Bytes that come
 * never move it. Immutable.
 *
 * @param end by {@link System#nanoTime}; none if only idleness ends the answer
 * @param whole how long it was from the beginning
 */
record Deadline(Optional<Long> end, Duration whole) {
  /** Of what may take any time, as long as it moves. */
  static final Deadline NONE = new Deadline(Optional.empty(), Duration.ZERO);

  /** Returns the one that much time from now. */
  static Deadline in(Duration time) {
    return new Deadline(Optional.of(System.nanoTime() + time.toNanos()), time);
  }

  /** Returns this one, or the one that much time from now if that comes first. */
  Deadline orIn(Duration time) {
    return isBefore(time) ? this : in(time);
  }

  /** Returns whether it comes before that much time has passed. */
  boolean isBefore(Duration time) {
    return end.isPresent() && left().compareTo(time) < 0;
  }

  /** Returns the time that is left, not below zero. */
  Duration left() {
    return end.map(at -> Duration.ofNanos(Math.max(0, at - System.nanoTime())))
        .orElseThrow(() -> new IllegalStateException("without an end"));
  }
}
