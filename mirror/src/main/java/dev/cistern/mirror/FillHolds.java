package dev.cistern.mirror;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counter of a fill's holds: the first is that of the download itself, the others are those of its
 * followers and of background work, which is not urgent. Thread-safe.
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

  /** Turns one of the holds into a background hold. */
  void stepBack() {
    background.incrementAndGet();
  }

  /** Ends {@link #stepBack}. Must be called before that hold is released. */
  void stepForward() {
    background.decrementAndGet();
  }

  /** Returns whether a follower other than background work waits for bytes. */
  boolean isFollowed() {
    return all.get() - 1 - background.get() > 0;
  }
}
