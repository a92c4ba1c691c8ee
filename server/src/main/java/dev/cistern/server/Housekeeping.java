package dev.cistern.server;

import dev.cistern.base.Guarded;
import dev.cistern.mirror.Mirror;
import dev.cistern.storage.Store;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The work that a server schedules for itself: removes leftover files once after the start, then
 * expires abandoned uploads and downloads and frees space every ten minutes. Runs on one virtual
 * thread of its own.
 */
final class Housekeeping implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(Housekeeping.class);
  private static final Duration LEFTOVERS_EXPIRE = Duration.ofDays(1);
  private static final Duration INTERVAL = Duration.ofMinutes(10);

  private final Store store;
  private final Mirror mirror;
  private final Thread thread = Thread.ofVirtual().name("housekeeping").unstarted(this::run);

  Housekeeping(Store store, Mirror mirror) {
    this.store = store;
    this.mirror = mirror;
  }

  void start() {
    thread.start();
  }

  /** Interrupts the work in progress and begins none. Does not wait for its end. */
  @Override
  public void close() {
    thread.interrupt();
  }

  private void run() {
    try {
      Guarded.run("housekeeping", this::lookAtClock);
      Guarded.run("housekeeping", this::sweep);
      Guarded.run("housekeeping", this::learnNames);
      while (true) {
        Thread.sleep(INTERVAL);
        Guarded.run("housekeeping", this::lookAtClock);
        Guarded.run("housekeeping", this::removeLeftovers);
        Guarded.run("housekeeping", this::makeRoom);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void lookAtClock() {
    try {
      store.lookAtClock();
    } catch (IOException | RuntimeException e) {
      complain("stored times not compared with the clock", e);
    }
  }

  private void removeLeftovers() {
    try {
      int uploads = store.uploads().expire(LEFTOVERS_EXPIRE);
      int fills = mirror.expireFills(LEFTOVERS_EXPIRE);
      int setAside = store.expireQuarantine();
      if (uploads + fills + setAside > 0) {
        LOG.atInfo()
            .addKeyValue("uploads", uploads)
            .addKeyValue("fills", fills)
            .addKeyValue("quarantine", setAside)
            .log("expired leftovers removed");
      }
    } catch (IOException | RuntimeException e) {
      complain("leftovers not removed", e);
    }
  }

  /** Logs a failure, unless it comes of the server's end. */
  private static void complain(String what, Exception e) {
    if (!Thread.currentThread().isInterrupted()) {
      LOG.atError().setCause(e).log(what);
    }
  }

  private void makeRoom() {
    try {
      store.collect();
      store.relieve();
    } catch (IOException | RuntimeException e) {
      complain("no room made", e);
    }
  }

  /** Reads the manifests that an earlier version stored, so that they can be evicted and pruned. */
  private void learnNames() {
    try {
      int manifests = store.learnNames();
      if (manifests > 0) {
        LOG.atInfo().addKeyValue("manifests", manifests).log("names of stored manifests indexed");
      }
    } catch (IOException | RuntimeException e) {
      complain("names of stored manifests not indexed", e);
    }
  }

  private void sweep() {
    try {
      int files = store.sweep();
      if (files > 0) {
        LOG.atInfo().addKeyValue("files", files).log("set aside leftover files");
      }
    } catch (IOException | RuntimeException e) {
      complain("leftover files not set aside", e);
    }
  }
}
