package dev.cistern.server.streams;

import dev.cistern.base.Guarded;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.storage.ObjectEvent;
import dev.cistern.storage.ObjectFeed;
import dev.cistern.storage.ObjectName;
import java.io.Closeable;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Passes all streams to watchers, once at the start and then each stream that changes. The cost of
 * a change therefore does not depend on the number of streams.
 */
public final class StreamFollower implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(StreamFollower.class);
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);
  private static final Duration PAUSE = Duration.ofMinutes(1);

  private final ClusterObjects objects;
  private final List<Watcher> watchers;
  private final Thread thread;
  private volatile ObjectFeed.@Nullable Cursor cursor;
  private volatile boolean isClosed;

  public StreamFollower(Streams streams, List<Watcher> watchers) {
    this.objects = streams.objects();
    this.watchers = List.copyOf(watchers);
    this.thread = Thread.ofVirtual().name("streams").unstarted(this::follow);
  }

  /** A consumer of streams. One thread calls it, and it must return quickly. */
  public interface Watcher {
    /** Called for a stream that exists or has changed; the same state may be passed again. */
    void sees(ImageStream stream);

    /** Called when a stream was removed. */
    void misses(ObjectName stream);
  }

  public void start() {
    thread.start();
  }

  private void follow() {
    while (!isClosed) {
      try (ObjectFeed.Cursor at = objects.feed().after(objects.revision())) {
        cursor = at;
        showAll();
        while (!at.isOver() && !isClosed) {
          at.next(LONGEST_WAIT).stream().filter(StreamFollower::isStream).forEach(this::show);
        }
        return;
      } catch (ObjectFeed.TooOldException e) {
        LOG.info("more streams changed than could be followed: all are looked at again");
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      } catch (RuntimeException | Error e) {
        if (!isClosed) {
          Guarded.report("watch of image streams, begun anew after a pause", e);
        }
        pause();
      }
    }
  }

  private static void pause() {
    try {
      Thread.sleep(PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // ends the next wait
    }
  }

  private static boolean isStream(ObjectEvent event) {
    return event.name().kind().equals(Kinds.IMAGE_STREAM.kind());
  }

  private void showAll() {
    for (ObjectNode json : objects.each(Kinds.IMAGE_STREAM, Optional.empty())) {
      if (isClosed) {
        return;
      }
      show(ImageStream.of(json));
    }
  }

  private void show(ObjectEvent event) {
    Optional<String> json = event.after();
    if (json.isPresent()) {
      show(ImageStream.of(ClusterObjects.parsed(Kinds.IMAGE_STREAM, json.get(), event.revision())));
    } else {
      watchers.forEach(watcher -> watcher.misses(event.name()));
    }
  }

  private void show(ImageStream stream) {
    watchers.forEach(watcher -> watcher.sees(stream));
  }

  @Override
  public void close() {
    isClosed = true;
    ObjectFeed.Cursor at = cursor;
    if (at != null) {
      at.close();
    }
    thread.interrupt();
  }
}
