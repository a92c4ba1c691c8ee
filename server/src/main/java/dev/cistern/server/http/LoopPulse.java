package dev.cistern.server.http;

import io.netty.util.concurrent.EventExecutor;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * When each event loop last moved: a task on each notes the time every second. All threads may ask;
 * times are monotonic.
 */
public final class LoopPulse {
  private static final long PERIOD_SECONDS = 1;

  private final List<AtomicLong> beats = new CopyOnWriteArrayList<>();

  /** Returns how long the loop has not moved that has not for longest. */
  public Duration oldest() {
    long now = System.nanoTime();
    long oldest = 0;
    for (AtomicLong beat : beats) {
      oldest = Math.max(oldest, now - beat.get());
    }
    return Duration.ofNanos(oldest);
  }

  /** Begins to watch loops; their end ends it. */
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
