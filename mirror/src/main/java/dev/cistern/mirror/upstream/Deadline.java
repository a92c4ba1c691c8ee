package dev.cistern.mirror.upstream;

import java.time.Duration;
import java.util.Optional;

/**
 * The time by which an upstream's whole answer must have arrived, on the monotonic clock. Received
 * bytes never extend it. Immutable.
 *
 * @param end the deadline, on the clock of {@link System#nanoTime}; empty if only idleness ends the
 *     answer
 * @param whole the time between the beginning and the deadline
 */
record Deadline(Optional<Long> end, Duration whole) {
  /** The deadline of answers that may take any time while data arrives. */
  static final Deadline NONE = new Deadline(Optional.empty(), Duration.ZERO);

  /** Returns the deadline that is {@code time} from now. */
  static Deadline in(Duration time) {
    return new Deadline(Optional.of(System.nanoTime() + time.toNanos()), time);
  }

  /** Returns this deadline or the one that is {@code time} from now, whichever is earlier. */
  Deadline orIn(Duration time) {
    return isBefore(time) ? this : in(time);
  }

  /** Returns whether the deadline passes within {@code time} from now. */
  boolean isBefore(Duration time) {
    return end.isPresent() && left().compareTo(time) < 0;
  }

  /** Returns the remaining time, at least zero. */
  Duration left() {
    return end.map(at -> Duration.ofNanos(Math.max(0, at - System.nanoTime())))
        .orElseThrow(() -> new IllegalStateException("without an end"));
  }
}
