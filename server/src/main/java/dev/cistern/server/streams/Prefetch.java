package dev.cistern.server.streams;

import dev.cistern.mirror.Mirror;
import dev.cistern.mirror.Preheat;
import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.ObjectName;
import java.io.Closeable;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Background download of all blobs of newly imported images, so that they can be pulled while their
 * upstream is down.
 *
 * <p>This applies to tags with the reference policy Local. The platforms come from an annotation of
 * the stream or else from the configuration. Failed downloads are retried.
 */
public final class Prefetch implements StreamFollower.Watcher, Closeable {
  /** Annotation of a stream: {@code all}, {@code none}, or platforms separated by commas. */
  public static final String ANNOTATION = "cistern.dev/prefetch";

  private static final Logger LOG = LoggerFactory.getLogger(Prefetch.class);
  private static final int AT_ONCE = 2;

  private final Mirror mirror;
  private final Completeness completeness;
  private final Optional<List<Platform>> usual;
  private final Duration pause;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Semaphore turns = new Semaphore(AT_ONCE);

  /** The images to complete, by stream and tag. */
  private final Map<Place, Goal> goals = new ConcurrentHashMap<>();

  /**
   * @param usual the platforms to prefetch for streams without the annotation; empty for none
   * @param pause the time before a failed download is retried
   */
  public Prefetch(
      Mirror mirror, Completeness completeness, Optional<List<Platform>> usual, Duration pause) {
    this.mirror = mirror;
    this.completeness = completeness;
    this.usual = usual;
    this.pause = pause;
  }

  private record Place(ObjectName stream, String tag) {}

  private record Goal(RepositoryName repository, Digest digest, List<Platform> platforms) {}

  /**
   * Parses the platforms to prefetch.
   *
   * @return an empty list for all platforms; empty for none
   * @throws OciException if it is neither {@code all}, {@code none} nor a list of platforms
   */
  public static Optional<List<Platform>> platforms(String text) {
    return switch (text) {
      case "all" -> Optional.of(List.of());
      case "none" -> Optional.empty();
      default ->
          Optional.of(
              Stream.of(text.split(",", -1)).map(String::strip).map(Platform::parse).toList());
    };
  }

  @Override
  public void sees(ImageStream stream) {
    Optional<List<Platform>> wanted = wanted(stream);
    Optional<RepositoryName> repository = Streams.repository(stream.namespace(), stream.name());
    ObjectName name = stream.objectName();
    goals
        .keySet()
        .removeIf(place ->
            place.stream().equals(name)
                && (wanted.isEmpty() || !stream.tags().containsKey(place.tag())));
    if (wanted.isEmpty() || repository.isEmpty()) {
      return;
    }
    for (SpecTag tag : stream.tags().values()) {
      Optional<Digest> digest =
          stream.latest(tag.name()).flatMap(event -> Streams.digest(event.image()));
      if (tag.isLocal() && digest.isPresent()) {
        aimIfBounded(
            new Place(name, tag.name()), new Goal(repository.get(), digest.get(), wanted.get()));
      }
    }
  }

  @Override
  public void misses(ObjectName stream) {
    goals.keySet().removeIf(place -> place.stream().equals(stream));
  }

  private Optional<List<Platform>> wanted(ImageStream stream) {
    String text = stream.annotation(ANNOTATION);
    try {
      return text.isEmpty() ? usual : platforms(text);
    } catch (OciException e) {
      LOG.atWarn()
          .addKeyValue("stream", stream.namespace() + "/" + stream.name())
          .addKeyValue("reason", e.getMessage())
          .log(ANNOTATION + " is not understood");
      return Optional.empty();
    }
  }

  /** Sets the goal of a tag, unless the image leads to more manifests than are followed. */
  private void aimIfBounded(Place place, Goal goal) {
    try {
      aim(place, goal);
    } catch (OciException e) {
      goals.remove(place);
      LOG.atWarn()
          .addKeyValue("repository", goal.repository())
          .addKeyValue("digest", goal.digest())
          .addKeyValue("reason", e.getMessage())
          .log("image is not prefetched");
    }
  }

  private void aim(Place place, Goal goal) {
    if (isReached(goal)) {
      goals.remove(place);
    } else if (!goal.equals(goals.put(place, goal))) {
      threads.execute(() -> bring(place, goal));
    }
  }

  private boolean isReached(Goal goal) {
    return completeness.of(goal.repository(), goal.digest(), goal.platforms()).isComplete();
  }

  /** Downloads the image, until it is complete or the tag has another goal. */
  private void bring(Place place, Goal goal) {
    try {
      while (goal.equals(goals.get(place)) && !isBrought(goal)) {
        Thread.sleep(pause);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      goals.remove(place, goal); // an incomplete image gets a goal again when its stream changes
    }
  }

  private boolean isBrought(Goal goal) throws InterruptedException {
    turns.acquire();
    try {
      var wish =
          new Preheat.Wish(
              mirror.locate(goal.repository(), Optional.empty(), Optional.empty()), goal.digest());
      return mirror.bring(List.of(wish), goal.platforms()).state() == Preheat.State.DONE;
    } finally {
      turns.release();
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
