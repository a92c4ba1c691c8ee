package dev.cistern.server.access;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The numbers of requests in flight per principal, up to a limit. Safe for all threads. */
final class Turns {
  private final int most;
  private final Map<String, Integer> taken = new ConcurrentHashMap<>();

  Turns(int most) {
    this.most = most;
  }

  /**
   * Counts a request until {@link #give}. Returns false, and counts nothing, if the principal has
   * reached the limit.
   */
  boolean take(String principal) {
    int[] before = {0};
    taken.compute(
        principal,
        (name, count) -> {
          before[0] = count == null ? 0 : count;
          return Math.min(most, before[0] + 1);
        });
    return before[0] < most;
  }

  void give(String principal) {
    taken.computeIfPresent(principal, (name, count) -> count == 1 ? null : count - 1);
  }
}
