package dev.cistern.server.streams;

import dev.cistern.base.StoredTime;
import dev.cistern.server.objects.Meta;
import dev.cistern.storage.ObjectName;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Times of the next checks of scheduled tags, one interval after the last check. Thread-safe;
 * {@code lock} guards all mutable fields.
 */
final class Schedule {
  private static final Comparator<Due> ORDER =
      Comparator.comparing(Due::when)
          .thenComparing(due -> due.stream().namespace())
          .thenComparing(due -> due.stream().name())
          .thenComparing(Due::tag);

  private final Duration interval;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Planned checks. It may contain duplicates and entries that are obsolete. */
  private final PriorityQueue<Due> queue = new PriorityQueue<>(ORDER);

  private final Map<ObjectName, Map<String, Instant>> planned = new HashMap<>();
  private int size;

  Schedule(Duration interval) {
    this.interval = interval;
  }

  /** A tag to check. */
  record Due(Instant when, ObjectName stream, String tag) {}

  /** Plans the scheduled tags of a stream. Tags that are already planned keep their times. */
  void plan(ImageStream stream, Instant now) {
    ObjectName name = stream.objectName();
    lock.lock();
    try {
      Map<String, Instant> before = planned.getOrDefault(name, Map.of());
      var tags = new HashMap<String, Instant>();
      for (SpecTag tag : stream.tags().values()) {
        if (isScheduled(stream, tag)) {
          Instant known = before.get(tag.name());
          Instant when = known == null ? lastLook(stream, tag.name(), now).plus(interval) : known;
          tags.put(tag.name(), when);
          if (known == null) {
            queue.add(new Due(when, name, tag.name()));
          }
        }
      }
      replace(name, tags);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void replace(ObjectName name, Map<String, Instant> tags) {
    Map<String, Instant> before = tags.isEmpty() ? planned.remove(name) : planned.put(name, tags);
    size += tags.size() - (before == null ? 0 : before.size());
  }

  /**
   * Returns whether a tag is imported again. One that names a digest needs only one successful
   * import, because that image never changes.
   */
  private static boolean isScheduled(ImageStream stream, SpecTag tag) {
    Optional<String> from = tag.importedFrom().filter(text -> tag.importPolicy().scheduled());
    boolean isDone =
        stream.latest(tag.name()).filter(event -> !event.image().isEmpty()).isPresent();
    return from.filter(text -> !(text.contains("@") && isDone)).isPresent();
  }

  /**
   * Returns the time of the last check of a tag that its stream contains. Times in the future are
   * ignored.
   */
  private static Instant lastLook(ImageStream stream, String tag, Instant now) {
    TagHistory was = stream.history(tag);
    return Stream.of(
            was.items().stream().map(TagEvent::created),
            was.conditions().stream().map(TagCondition::since),
            Stream.of(Meta.instant(stream.annotation(ImageStream.CHECKED))))
        .flatMap(times -> times)
        .flatMap(time -> StoredTime.known(time, now).stream())
        .max(Comparator.naturalOrder())
        .filter(last -> last.isAfter(Instant.EPOCH))
        .orElse(Instant.EPOCH);
  }

  /** Removes all tags of a stream from the plan. */
  void forget(ObjectName stream) {
    lock.lock();
    try {
      replace(stream, Map.of());
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until a tag is due, and removes it from the queue. A time more than one interval and
   * {@link StoredTime#TOLERANCE} ahead was set by a clock that was ahead, and counts as due.
   */
  Due take(InstantSource clock) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      while (true) {
        @Nullable Due next = queue.peek();
        if (next == null) {
          changed.await();
        } else if (!isPlanned(next)) {
          queue.remove();
        } else {
          Duration wait = Duration.between(clock.instant(), next.when());
          boolean isBeyond = wait.compareTo(interval.plus(StoredTime.TOLERANCE)) > 0;
          if (isBeyond || !wait.isPositive()) {
            while (next.equals(queue.peek())) {
              queue.remove();
            }
            return next;
          }
          changed.awaitNanos(wait.toNanos());
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean isPlanned(Due due) {
    return due.when().equals(planned.getOrDefault(due.stream(), Map.of()).get(due.tag()));
  }

  /** Plans the next check of a tag, if its stream still schedules it. */
  void again(Due due, Instant now) {
    lock.lock();
    try {
      Map<String, Instant> tags = planned.get(due.stream());
      if (tags != null && tags.containsKey(due.tag())) {
        var next = new Due(now.plus(interval), due.stream(), due.tag());
        tags.put(due.tag(), next.when());
        queue.add(next);
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  int size() {
    lock.lock();
    try {
      return size;
    } finally {
      lock.unlock();
    }
  }
}
