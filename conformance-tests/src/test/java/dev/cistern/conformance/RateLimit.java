package dev.cistern.conformance;

import java.util.concurrent.TimeUnit;

/** How fast bytes may leave, over all connections together. */
final class RateLimit {
  private final long bytesPerSecond;
  private long freeAtNanos = System.nanoTime();

  RateLimit(long bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Waits until {@code count} more bytes may leave. */
  void take(int count) throws InterruptedException {
    TimeUnit.NANOSECONDS.sleep(reserve(count) - System.nanoTime());
  }

  private synchronized long reserve(int count) {
    long begin = Math.max(freeAtNanos, System.nanoTime());
    freeAtNanos = begin + count * TimeUnit.SECONDS.toNanos(1) / bytesPerSecond;
    return begin;
  }
}
