package dev.cistern.server.admin;

import dev.cistern.mirror.CacheStatus;
import dev.cistern.server.http.Reply;
import dev.cistern.server.http.Sent;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/** Counters of responses since the start. All threads update them, once per response. */
public final class Traffic {
  private static final int STATUS_CLASSES = 6;

  private final LongAdder[] byStatusClass = new LongAdder[STATUS_CLASSES];
  private final Map<CacheStatus.Outcome, LongAdder> byOutcome =
      new EnumMap<>(CacheStatus.Outcome.class);
  private final LongAdder bytes = new LongAdder();
  private final LongAdder nanos = new LongAdder();
  private final LongAdder cutByClient = new LongAdder();
  private final LongAdder cutByServer = new LongAdder();

  public Traffic() {
    for (int i = 0; i < STATUS_CLASSES; i++) {
      byStatusClass[i] = new LongAdder();
    }
    for (CacheStatus.Outcome outcome : CacheStatus.Outcome.values()) {
      byOutcome.put(outcome, new LongAdder());
    }
  }

  /**
   * Counts a response.
   *
   * @param took the duration in nanoseconds
   */
  public void count(Reply reply, Sent sent, long took) {
    byStatusClass[Math.min(reply.status() / 100, STATUS_CLASSES - 1)].increment();
    nanos.add(took);
    bytes.add(sent.bytes());
    switch (sent.ending()) {
      case COMPLETE -> {}
      case CUT_BY_CLIENT -> cutByClient.increment();
      case CUT_BY_SERVER -> cutByServer.increment();
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

  long cutByClient() {
    return cutByClient.sum();
  }

  long cutByServer() {
    return cutByServer.sum();
  }
}
