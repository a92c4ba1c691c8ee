package dev.cistern.storage;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;

/**
 * A histogram of the durations of index changes, from queueing to acknowledgment. Safe for all
 * threads.
 */
public final class WriteTimes {
  private static final List<Double> BOUNDS =
      List.of(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0);

  private final List<LongAdder> counts =
      Stream.generate(LongAdder::new).limit(BOUNDS.size() + 1L).toList();
  private final LongAdder nanos = new LongAdder();

  WriteTimes() {}

  void add(Duration time) {
    double seconds = time.toNanos() / (double) TimeUnit.SECONDS.toNanos(1);
    int place = 0;
    while (place < BOUNDS.size() && seconds > BOUNDS.get(place)) {
      place++;
    }
    counts.get(place).increment();
    nanos.add(time.toNanos());
  }

  /** Returns the upper bounds of the buckets in seconds. One more bucket has no bound. */
  public List<Double> bounds() {
    return BOUNDS;
  }

  /** Returns the number of changes in each bucket, with the one without a bound last. */
  public List<Long> counts() {
    var sums = new ArrayList<Long>();
    counts.forEach(count -> sums.add(count.sum()));
    return sums;
  }

  /** Returns the sum of all durations in seconds. */
  public double seconds() {
    return nanos.sum() / (double) TimeUnit.SECONDS.toNanos(1);
  }
}
