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
 * Imports what streams say is to be imported and nobody has: tags that were set or changed, at
 * once, and scheduled tags again after each interval.
 *
 * <p>When a scheduled tag was looked at last is in its history, so a restart goes on with what is
 * due. What came due meanwhile is spread by the limit.
 */
public final class ImportLoop implements StreamFollower.Watcher, Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(ImportLoop.class);

  /** How many imports of what was set are under way, and how many looks at scheduled tags. */
  private static final int AT_ONCE = 4;

  /** After it what broke is tried again: a store that is full, say. */
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

  /** Returns how many imports were made since the start, not counting those of clients. */
  public long imports() {
    return imports.sum();
  }

  /** Returns how many of them failed. */
  public long failures() {
    return failures.sum();
  }

  /** Returns how often a scheduled tag was found to be what it was. */
  public long unchanged() {
    return unchanged.sum();
  }

  /** Returns how many tags are scheduled. */
  public int scheduled() {
    return schedule.size();
  }

  /** Begins to look at scheduled tags. */
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

  /** Says whether something of a stream is to be imported that was not tried yet. */
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

  /** Imports what waits in a stream, unless that is under way; then it is looked at again. */
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

  /** Returns whether what came of it is in the stream. */
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
   * Makes an import; what goes wrong with an image is in the conditions of the stream.
   *
   * @return whether what came of it is in the stream
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

  /** Looks at scheduled tags when they are due, at most so many a minute. */
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
