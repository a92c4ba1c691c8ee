package dev.cistern.server.streams;

import dev.cistern.base.Guarded;
import dev.cistern.oci.Digest;
import dev.cistern.server.objects.ApiException;
import dev.cistern.storage.ObjectName;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Controller that imports tags that are due: new and changed tags at once, scheduled tags after
 * each interval.
 *
 * <p>After a restart, the schedule continues from the last import of each tag that its stream
 * contains. A check that finds a tag unchanged stores nothing. The limit per minute spreads the
 * checks that are due then.
 */
public final class ImportLoop implements StreamFollower.Watcher, Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(ImportLoop.class);

  /**
   * Maximum number of concurrent imports of new or changed tags, and of concurrent checks of
   * scheduled tags.
   */
  private static final int AT_ONCE = 4;

  /**
   * Pause before an import is retried that failed as a whole, for example because the store is
   * full.
   */
  private static final Duration AFTER_FAILURE = Duration.ofSeconds(10);

  private final Streams streams;
  private final Importer importer;
  private final ImportSettings settings;
  private final InstantSource clock;
  private final Schedule schedule;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Semaphore turns = new Semaphore(AT_ONCE);
  private final Semaphore looks = new Semaphore(AT_ONCE);
  private final Map<ObjectName, Boolean> underWay = new ConcurrentHashMap<>();
  private final LongAdder imports = new LongAdder();
  private final LongAdder failures = new LongAdder();
  private final LongAdder unchanged = new LongAdder();

  public ImportLoop(
      Streams streams, Importer importer, ImportSettings settings, InstantSource clock) {
    this.streams = streams;
    this.importer = importer;
    this.settings = settings;
    this.clock = clock;
    this.schedule = new Schedule(settings.interval());
  }

  /** Returns the number of imports since the start, without the imports of clients. */
  public long imports() {
    return imports.sum();
  }

  /** Returns the number of these imports that failed. */
  public long failures() {
    return failures.sum();
  }

  /** Returns the number of checks that found a scheduled tag unchanged. */
  public long unchanged() {
    return unchanged.sum();
  }

  /** Returns the number of scheduled tags. */
  public int scheduled() {
    return schedule.size();
  }

  /** Starts the checks of scheduled tags. */
  public void start() {
    threads.execute(this::keepSchedule);
  }

  @Override
  public void misses(ObjectName stream) {
    schedule.forget(stream);
  }

  @Override
  public void sees(ImageStream stream) {
    schedule.plan(stream, clock.instant());
    if (isWaiting(stream)) {
      begin(stream.objectName());
    }
  }

  /** Returns whether a stream has a tag or a repository whose import was not tried yet. */
  private static boolean isWaiting(ImageStream stream) {
    return isWholeWaiting(stream)
        || stream.tags().values().stream().anyMatch(tag -> isWaiting(stream, tag));
  }

  private static boolean isWholeWaiting(ImageStream stream) {
    return stream.repository().isPresent() && stream.annotation(ImageStream.CHECKED).isEmpty();
  }

  private static boolean isWaiting(ImageStream stream, SpecTag tag) {
    TagHistory was = stream.history(tag.name());
    long observed = was.latest().map(TagEvent::generation).orElse(0L);
    for (TagCondition condition : was.conditions()) {
      observed = Math.max(observed, condition.generation());
    }
    return tag.importedFrom().isPresent() && tag.generation().orElse(0) > observed;
  }

  /**
   * Starts the pending imports of a stream, unless they are in progress. When they end, imports
   * that became pending meanwhile start.
   */
  private void begin(ObjectName name) {
    if (underWay.putIfAbsent(name, true) != null) {
      return;
    }
    threads.execute(() -> {
      try {
        boolean isDone;
        turns.acquire();
        try {
          isDone = importWaiting(name);
        } finally {
          turns.release();
        }
        if (!isDone) {
          Thread.sleep(AFTER_FAILURE);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        underWay.remove(name);
        streams
            .find(name.namespace(), name.name())
            .filter(stream -> !threads.isShutdown() && isWaiting(stream))
            .ifPresent(stream -> begin(name));
      }
    });
  }

  /** Returns whether the result is stored in the stream, or the stream is gone. */
  private boolean importWaiting(ObjectName name) {
    Optional<ImageStream> stream = streams.find(name.namespace(), name.name());
    if (stream.isEmpty()) {
      return true;
    }
    List<SpecTag> waiting =
        stream.get().tags().values().stream()
            .filter(tag -> isWaiting(stream.get(), tag))
            .limit(StreamCheck.MOST_IMAGES)
            .toList();
    return run(stream.get(), waiting, isWholeWaiting(stream.get()));
  }

  /**
   * Runs an import. Failures of single images are stored as conditions of the stream.
   *
   * @return whether the result is stored in the stream
   */
  private boolean run(ImageStream stream, List<SpecTag> tags, boolean isWhole) {
    try {
      imports.increment();
      if (importer.run(ImportRequest.of(stream, tags, isWhole)).isFailed()) {
        failures.increment();
      }
      return true;
    } catch (ApiException e) {
      failures.increment();
      LOG.atInfo()
          .addKeyValue("stream", stream.namespace() + "/" + stream.name())
          .addKeyValue("reason", e.message())
          .log("not imported");
    } catch (IOException | RuntimeException e) {
      failures.increment();
      if (!threads.isShutdown()) {
        LOG.atError()
            .addKeyValue("stream", stream.namespace() + "/" + stream.name())
            .setCause(e)
            .log("not imported");
      }
    } catch (Error e) {
      failures.increment();
      Guarded.report("import into " + stream.namespace() + "/" + stream.name(), e);
    }
    return false;
  }

  /** Checks scheduled tags when they are due, up to the limit per minute. */
  private void keepSchedule() {
    Duration pause = Duration.ofMinutes(1).dividedBy(settings.perMinute());
    try {
      while (!threads.isShutdown()) {
        Schedule.Due due = schedule.take(clock);
        looks.acquire();
        threads.execute(() -> {
          try {
            again(due);
          } finally {
            schedule.again(due, clock.instant());
            looks.release();
          }
        });
        Thread.sleep(pause);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void again(Schedule.Due due) {
    try {
      Optional<ImageStream> stream = streams.find(due.stream().namespace(), due.stream().name());
      SpecTag tag = stream.map(one -> one.tags().get(due.tag())).orElse(null);
      if (tag == null || !tag.importPolicy().scheduled() || tag.importedFrom().isEmpty()) {
        return;
      }
      Optional<Digest> upstream = importer.upstream(stream.get(), tag);
      if (upstream.filter(now -> importer.isUnchanged(stream.get(), tag, now)).isPresent()) {
        unchanged.increment();
      } else if (run(stream.get(), List.of(tag), false)) {
        upstream.ifPresent(was -> importer.imported(stream.get(), tag, was));
      }
    } catch (IOException | RuntimeException e) {
      if (!threads.isShutdown()) {
        LOG.atWarn().addKeyValue("tag", due.tag()).setCause(e).log("scheduled tag not looked at");
      }
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
