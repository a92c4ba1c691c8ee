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
 * Brings all blobs of images here as soon as they are imported, so that they can be pulled while
 * their upstream is away: of tags whose reference policy is Local, if their stream says so by an
 * annotation, or the configuration for all. What fails is tried again.
 */
public final class Prefetch implements StreamFollower.Watcher, Closeable {
  /** On a stream: {@code all}, {@code none}, or platforms, separated by commas. */
  public static final String ANNOTATION = "cistern.dev/prefetch";

  private static final Logger LOG = LoggerFactory.getLogger(Prefetch.class);
  private static final int AT_ONCE = 2;

  private final Mirror mirror;
  private final Completeness completeness;
  private final Optional<List<Platform>> usual;
  private final Duration pause;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Semaphore turns = new Semaphore(AT_ONCE);

  /** What is to be here of the tags that are not complete. */
  private final Map<Place, Goal> goals = new ConcurrentHashMap<>();

  /**
   * @param usual which platforms are brought of streams that do not say it; empty for none
   * @param pause after which what failed is tried again
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
   * Reads which platforms are wanted.
   *
   * @return none in the list for all; empty if nothing is wanted
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

  /** Aims at a goal, unless the image leads to more manifests than are followed. */
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

  /** Brings it here, unless something else is wanted meanwhile. */
  private void bring(Place place, Goal goal) {
    try {
      while (goal.equals(goals.get(place)) && !isBrought(goal)) {
        Thread.sleep(pause);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      goals.remove(place, goal); // the next look at the stream sets it again, if it is not reached
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
