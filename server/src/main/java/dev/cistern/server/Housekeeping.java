package dev.cistern.server;

import dev.cistern.base.Guarded;
import dev.cistern.storage.Store;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The background work of a server, on one virtual thread of its own.
 *
 * <p>After the start, it sets leftover files aside, and indexes the references of manifests that an
 * older version stored. It tries each of these two again at each interval until it succeeds. At
 * each interval, it compares stored times with the clock, removes expired uploads and downloads,
 * and frees space.
 *
 * <p>An I/O error is logged, and the step is tried again at the next interval.
 */
final class Housekeeping implements Closeable {
  static final Duration INTERVAL = Duration.ofMinutes(10);

  private static final Logger LOG = LoggerFactory.getLogger(Housekeeping.class);
  private static final Duration LEFTOVERS_EXPIRE = Duration.ofDays(1);

  private final Store store;
  private final Fills fills;
  private final Duration interval;
  private final Thread thread = Thread.ofVirtual().name("housekeeping").unstarted(this::run);

  /** Removes downloads that were not continued for the given time, and returns their number. */
  interface Fills {
    int expire(Duration unused) throws IOException;
  }

  /** One step of the work. */
  private interface Step {
    void take() throws IOException;
  }

  Housekeeping(Store store, Fills fills, Duration interval) {
    this.store = store;
    this.fills = fills;
    this.interval = interval;
  }

  void start() {
    thread.start();
  }

  /** Interrupts the work in progress and prevents further work. Does not wait for its end. */
  @Override
  public void close() {
    thread.interrupt();
  }

  private void run() {
    try {
      boolean isSwept = false;
      boolean isIndexed = false;
      while (true) {
        succeeds("stored times not compared with the clock", store::lookAtClock);
        isSwept = isSwept || succeeds("leftover files not set aside", this::sweep);
        isIndexed =
            isIndexed || succeeds("names of stored manifests not indexed", this::learnNames);
        Thread.sleep(interval);
        succeeds("leftovers not removed", this::removeLeftovers);
        succeeds("no room made", this::makeRoom);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Runs a step and returns whether it succeeded. Logs a failure unless the server is stopping. */
  private static boolean succeeds(String failure, Step step) {
    try {
      step.take();
      return true;
    } catch (IOException e) {
      if (!Thread.currentThread().isInterrupted()) {
        LOG.atWarn().addKeyValue("reason", e.getMessage()).log(failure);
      }
    } catch (Throwable e) {
      if (!Thread.currentThread().isInterrupted()) {
        Guarded.report("housekeeping", e);
      }
    }
    return false;
  }

  private void removeLeftovers() throws IOException {
    int uploads = store.uploads().expire(LEFTOVERS_EXPIRE);
    int downloads = fills.expire(LEFTOVERS_EXPIRE);
    int setAside = store.expireQuarantine();
    if (uploads + downloads + setAside > 0) {
      LOG.atInfo()
          .addKeyValue("uploads", uploads)
          .addKeyValue("fills", downloads)
          .addKeyValue("quarantine", setAside)
          .log("expired leftovers removed");
    }
  }

  private void makeRoom() throws IOException {
    store.collect();
    store.relieve();
  }

  /** Reads the manifests that an earlier version stored, so that they can be evicted and pruned. */
  private void learnNames() throws IOException {
    int manifests = store.learnNames();
    if (manifests > 0) {
      LOG.atInfo().addKeyValue("manifests", manifests).log("names of stored manifests indexed");
    }
  }

  private void sweep() throws IOException {
    int files = store.sweep();
    if (files > 0) {
      LOG.atInfo().addKeyValue("files", files).log("set aside leftover files");
    }
  }
}
