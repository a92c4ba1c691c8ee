package dev.cistern.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Holds a reader to a number of bytes a second: over any 10 s the rate is within 10 % of it, if the
 * reader could be that fast. Time lost by the reader is made good for at most one second. Used by
 * one thread at a time.
 */
final class Pace implements BlobVerifier.Pace {
  private static final long SECOND_NANOS = 1_000_000_000L;

  /** How a thread waits. */
  interface Waiting {
    void sleep(long nanos) throws InterruptedException;
  }

  private final double nanosPerByte;
  private final LongSupplier clock;
  private final Waiting waiting;
  private long due;

  Pace(long bytesPerSecond) {
    this(bytesPerSecond, System::nanoTime, nanos -> Thread.sleep(Duration.ofNanos(nanos)));
  }

  Pace(long bytesPerSecond, LongSupplier clock, Waiting waiting) {
    this.nanosPerByte = (double) SECOND_NANOS / bytesPerSecond;
    this.clock = clock;
    this.waiting = waiting;
    this.due = clock.getAsLong();
  }

  /** Waits until so many bytes may be read. */
  @Override
  public void spend(int bytes) throws IOException {
    long now = clock.getAsLong();
    due = Math.max(due, now - SECOND_NANOS);
    if (due > now) {
      try {
        waiting.sleep(due - now);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new InterruptedIOException("interrupted while content is verified");
      }
    }
    due += Math.round(bytes * nanosPerByte);
  }
}
