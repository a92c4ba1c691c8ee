package dev.cistern.conformance;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Counts what leaves an upstream, and slows it down. Safe for all threads. */
final class UpstreamMeter {
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicInteger running = new AtomicInteger();
  private final AtomicInteger most = new AtomicInteger();
  private final AtomicInteger resets = new AtomicInteger();
  private volatile @Nullable RateLimit limit;

  /** One body on its way out. It counts as running until its last piece leaves. */
  final class Body implements AutoCloseable {
    private final int begun = resets.get();
    private boolean isRunning = true;

    private Body() {
      most.accumulateAndGet(running.incrementAndGet(), Math::max);
    }

    /** Is called before {@code count} bytes are written; waits if they would be too fast. */
    void leaving(int count, boolean isLast) throws InterruptedException {
      RateLimit now = limit;
      if (now != null) {
        now.take(count);
      }
      if (isLast) {
        close();
      }
    }

    /** Is called when {@code count} bytes were written. Nobody counts what began earlier. */
    void left(int count) {
      if (begun == resets.get()) {
        bytes.addAndGet(count);
      }
    }

    @Override
    public void close() {
      if (isRunning) {
        isRunning = false;
        running.decrementAndGet();
      }
    }
  }

  Body begin() {
    return new Body();
  }

  /** Returns how many bytes of bodies have left. */
  long bytes() {
    return bytes.get();
  }

  /** Returns how many bodies were on their way at the same time at most. */
  int mostBodies() {
    return most.get();
  }

  /** Lets only so many bytes leave in a second, over all connections together. */
  void limit(long bytesPerSecond) {
    limit = new RateLimit(bytesPerSecond);
  }

  /** Counts from 0 again, and as fast as can be. */
  void reset() {
    limit = null;
    resets.incrementAndGet();
    bytes.set(0);
    most.set(0);
  }
}
