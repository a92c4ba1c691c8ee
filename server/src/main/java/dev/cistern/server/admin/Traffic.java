package dev.cistern.server.admin;

import dev.cistern.mirror.CacheStatus;
import dev.cistern.server.http.Reply;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Counts of what was answered since the start. Written by all threads, on the hottest path. */
public final class Traffic {
  private static final int STATUS_CLASSES = 6;

  private final LongAdder[] byStatusClass = new LongAdder[STATUS_CLASSES];
  private final Map<CacheStatus.Outcome, LongAdder> byOutcome =
      new EnumMap<>(CacheStatus.Outcome.class);
  private final LongAdder bytes = new LongAdder();
  private final LongAdder nanos = new LongAdder();
  private final LongAdder aborted = new LongAdder();

  public Traffic() {
    for (int i = 0; i < STATUS_CLASSES; i++) {
      byStatusClass[i] = new LongAdder();
    }
    for (CacheStatus.Outcome outcome : CacheStatus.Outcome.values()) {
      byOutcome.put(outcome, new LongAdder());
    }
  }

  /**
   * Counts a reply.
   *
   * @param sent body bytes, or -1 if the client left before the end
   */
  public void count(Reply reply, long sent, long took) {
    byStatusClass[Math.min(reply.status() / 100, STATUS_CLASSES - 1)].increment();
    nanos.add(took);
    if (sent < 0) {
      aborted.increment();
    } else {
      bytes.add(sent);
    }
    @Nullable CacheStatus cache = reply.cache();
    @Nullable LongAdder outcome = cache == null ? null : byOutcome.get(cache.outcome());
    if (outcome != null) {
      outcome.increment();
    }
  }

  long requests() {
    long sum = 0;
    for (LongAdder one : byStatusClass) {
      sum += one.sum();
    }
    return sum;
  }

  long withStatusClass(int hundreds) {
    return byStatusClass[hundreds].sum();
  }

  long withOutcome(CacheStatus.Outcome outcome) {
    @Nullable LongAdder count = byOutcome.get(outcome);
    return count == null ? 0 : count.sum();
  }

  long bytes() {
    return bytes.sum();
  }

  long nanos() {
    return nanos.sum();
  }

  long aborted() {
    return aborted.sum();
  }
}
