package dev.cistern.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * A limit on the bytes that a reader reads per second. Over any 10 s the rate is within 10 % of the
 * limit, if the reader is able to read that fast. A reader that was slower catches up for at most
 * one second. Used by one thread at a time.
 */
final class Pace implements BlobVerifier.Pace {
  private static final long SECOND_NANOS = 1_000_000_000L;

  /** The way in which a thread waits. */
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

  /** Waits until {@code bytes} bytes may be read. */
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
