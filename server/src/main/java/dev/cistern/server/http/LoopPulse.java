package dev.cistern.server.http;

import io.netty.util.concurrent.EventExecutor;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The time at which each event loop last made progress. A task on each loop records the time every
 * second. Safe for all threads; times are monotonic.
 */
public final class LoopPulse {
  private static final long PERIOD_SECONDS = 1;

  private final List<AtomicLong> beats = new CopyOnWriteArrayList<>();

  /** Returns the longest time for which a loop has made no progress. */
  public Duration oldest() {
    long now = System.nanoTime();
    long oldest = 0;
    for (AtomicLong beat : beats) {
      oldest = Math.max(oldest, now - beat.get());
    }
    return Duration.ofNanos(oldest);
  }

  /** Starts to watch loops, each until it ends. */
  @SuppressWarnings("FutureReturnValueIgnored") // the task ends with its loop
  void watch(Iterable<EventExecutor> loops) {
    for (EventExecutor loop : loops) {
      var beat = new AtomicLong(System.nanoTime());
      beats.add(beat);
      loop.scheduleAtFixedRate(
          () -> beat.set(System.nanoTime()), PERIOD_SECONDS, PERIOD_SECONDS, TimeUnit.SECONDS);
    }
  }
}
