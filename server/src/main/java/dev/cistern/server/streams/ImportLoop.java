package dev.cistern.server.streams;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Kinds;
import dev.cistern.storage.ObjectName;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.LongAdder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Imports what streams say is to be imported and nobody has: tags that were set or changed, at
 * once, and scheduled tags again after each interval.
 *
 * <p>When a scheduled tag was looked at last is in its history, so a restart goes on with what is
 * due. What came due meanwhile is spread by the limit.
 */
public final class ImportLoop implements StreamFollower.Watcher, Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(ImportLoop.class);
  private static final int AT_ONCE = 4;

  private final Streams streams;
  private final Importer importer;
  private final ImportSettings settings;
  private final InstantSource clock;
  private final Schedule schedule;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Semaphore turns = new Semaphore(AT_ONCE);
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
    schedule.plan(stream);
    if (isWaiting(stream)) {
      begin(Kinds.IMAGE_STREAM.name(stream.namespace(), stream.name()));
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
        turns.acquire();
        try {
          importWaiting(name);
        } finally {
          turns.release();
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

  private void importWaiting(ObjectName name) {
    Optional<ImageStream> stream = streams.find(name.namespace(), name.name());
    if (stream.isEmpty()) {
      return;
    }
    ObjectNode request = request(stream.get());
    if (isWholeWaiting(stream.get())) {
      ((ObjectNode) request.path("spec"))
          .putObject("repository")
          .putObject("from")
          .put("kind", SourceReference.DOCKER_IMAGE)
          .put("name", stream.get().repository().orElseThrow());
    }
    stream.get().tags().values().stream()
        .filter(tag -> isWaiting(stream.get(), tag))
        .forEach(tag -> add(request, stream.get(), tag));
    run(name, request);
  }

  private static ObjectNode request(ImageStream stream) {
    ObjectNode request = JsonMapper.shared().createObjectNode();
    request
        .putObject("metadata")
        .put("name", stream.name())
        .put("namespace", stream.namespace())
        .put("uid", stream.uid());
    ObjectNode spec = request.putObject("spec").put("import", true);
    spec.putArray("images");
    return request;
  }

  private static void add(ObjectNode request, ImageStream stream, SpecTag tag) {
    ObjectNode image = ((ArrayNode) request.path("spec").path("images")).addObject();
    image
        .putObject("from")
        .put("kind", SourceReference.DOCKER_IMAGE)
        .put("name", tag.importedFrom().orElse(""));
    image.putObject("to").put("name", tag.name());
    ImportPolicy policy = tag.importPolicy();
    image.set(
        "importPolicy",
        new ImportPolicy(
                policy.insecure() || stream.isInsecure(), policy.scheduled(), policy.mode())
            .json());
    image.putObject("referencePolicy").put("type", tag.isLocal() ? "Local" : "Source");
  }

  /** Makes an import; what goes wrong is in the conditions of the stream. */
  private void run(ObjectName name, ObjectNode request) {
    try {
      imports.increment();
      ObjectNode result = importer.run(name.namespace(), request);
      boolean isFailed =
          result.path("status").path("images").valueStream().anyMatch(image -> !image.has("image"));
      if (isFailed) {
        failures.increment();
      }
    } catch (ApiException e) {
      failures.increment();
      LOG.atInfo()
          .addKeyValue("stream", name.namespace() + "/" + name.name())
          .addKeyValue("reason", e.message())
          .log("not imported");
    } catch (IOException | RuntimeException e) {
      failures.increment();
      if (!threads.isShutdown()) {
        LOG.atError()
            .addKeyValue("stream", name.namespace() + "/" + name.name())
            .setCause(e)
            .log("not imported");
      }
    }
  }

  /** Looks at scheduled tags when they are due, at most so many a minute. */
  private void keepSchedule() {
    Duration pause = Duration.ofMinutes(1).dividedBy(settings.perMinute());
    try {
      while (!threads.isShutdown()) {
        Schedule.Due due = schedule.take(clock);
        threads.execute(() -> again(due));
        Thread.sleep(pause);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void again(Schedule.Due due) {
    try {
      turns.acquire();
      try {
        Optional<ImageStream> stream = streams.find(due.stream().namespace(), due.stream().name());
        SpecTag tag = stream.map(one -> one.tags().get(due.tag())).orElse(null);
        if (tag == null || !tag.importPolicy().scheduled() || tag.importedFrom().isEmpty()) {
          return;
        }
        if (importer.isUnchanged(stream.get(), tag)) {
          unchanged.increment();
        } else {
          ObjectNode request = request(stream.get());
          add(request, stream.get(), tag);
          run(due.stream(), request);
        }
        schedule.again(due, clock.instant());
      } finally {
        turns.release();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException | RuntimeException e) {
      schedule.again(due, clock.instant());
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
