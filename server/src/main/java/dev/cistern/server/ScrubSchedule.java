package dev.cistern.server;

import dev.cistern.base.Guarded;
import dev.cistern.server.config.ScrubConfig;
import dev.cistern.storage.Scrub;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalTime;
import java.time.ZoneId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The schedule of a store's scrub, on a virtual thread of its own and within a daily window. The
 * first run is at most 10 minutes after the start.
 */
final class ScrubSchedule implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(ScrubSchedule.class);
  private static final Duration MAX_FIRST = Duration.ofMinutes(10);
  private static final Duration MAX_PAUSE = Duration.ofHours(1);
  private static final Duration MIN_PAUSE = Duration.ofMillis(100);
  private static final Duration WINDOW_CHECK = Duration.ofMinutes(1);

  private final Scrub scrub;
  private final ScrubConfig config;
  private final InstantSource clock;
  private final Thread thread = Thread.ofVirtual().name("scrub").unstarted(this::run);

  ScrubSchedule(Scrub scrub, ScrubConfig config, InstantSource clock) {
    this.scrub = scrub;
    this.config = config;
    this.clock = clock;
  }

  void start() {
    thread.start();
  }

  /**
   * Interrupts the work in progress. The progress of the scrub is stored and survives a restart.
   */
  @Override
  public void close() {
    thread.interrupt();
  }

  private void run() {
    try {
      Thread.sleep(shorter(config.settings().every(), MAX_FIRST));
      while (true) {
        Thread.sleep(isOpen() ? scrub() : WINDOW_CHECK);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Verifies the content that is due, and returns the pause until the next run. */
  private Duration scrub() {
    try {
      Instant next = scrub.run(config.settings(), this::mayGoOn);
      Duration pause = Duration.between(clock.instant(), next);
      return pause.compareTo(MIN_PAUSE) < 0 ? MIN_PAUSE : shorter(pause, MAX_PAUSE);
    } catch (IOException e) {
      if (!Thread.currentThread().isInterrupted()) {
        LOG.atError().addKeyValue("reason", e.getMessage()).log("scrub failed");
      }
      return MAX_FIRST;
    } catch (RuntimeException | Error e) {
      if (!Thread.currentThread().isInterrupted()) {
        Guarded.report("scrub", e);
      }
      return MAX_FIRST;
    }
  }

  private boolean mayGoOn() {
    return !Thread.currentThread().isInterrupted() && isOpen();
  }

  private boolean isOpen() {
    LocalTime now = LocalTime.ofInstant(clock.instant(), ZoneId.systemDefault());
    return config.window().map(window -> window.contains(now)).orElse(true);
  }

  private static Duration shorter(Duration one, Duration other) {
    return one.compareTo(other) < 0 ? one : other;
  }
}
