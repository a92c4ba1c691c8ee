package dev.cistern.mirror;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * The holds of a fill: of the download itself, first; of its followers; and of the background,
 * which only wants it done some time. Safe for all threads.
 */
final class FillHolds {
  private final AtomicInteger all = new AtomicInteger(1);
  private final AtomicInteger background = new AtomicInteger();

  /** Adds a hold; returns false if the last hold has ended. */
  boolean retain() {
    return all.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
  }

  /** Ends a hold; returns whether it was the last. */
  boolean release() {
    return all.decrementAndGet() == 0;
  }

  /** Makes one of the holds one of the background. */
  void stepBack() {
    background.incrementAndGet();
  }

  /** Ends {@link #stepBack}, before that hold is released. */
  void stepForward() {
    background.decrementAndGet();
  }

  /** Returns whether a follower waits for bytes, besides the background. */
  boolean isFollowed() {
    return all.get() - 1 - background.get() > 0;
  }
}
