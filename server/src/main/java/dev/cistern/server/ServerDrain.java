package dev.cistern.server;

import dev.cistern.server.config.DrainSettings;
import dev.cistern.server.http.InFlight;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.spi.LoggingEventBuilder;

/**
 * The drain of a server. It announces the end, closes the listeners after {@code delay}, and lets
 * responses and pushes finish within {@code timeout}. Then it stops the remaining downloads and
 * closes the store.
 *
 * <p>Runs once, on the thread that calls {@link #run}. {@link #step} is safe for any thread, so
 * that a thread that waits for the end can name the part that hangs.
 */
final class ServerDrain {
  private static final Logger LOG = LoggerFactory.getLogger(ServerDrain.class);
  private static final Duration PROGRESS = Duration.ofSeconds(10);

  private final Server server;
  private final DrainSettings settings;
  private final LongSupplier nanos;
  private volatile String step = "requests in flight";
  private long nextProgress;

  /**
   * @param nanos a clock like {@link System#nanoTime}
   */
  ServerDrain(Server server, DrainSettings settings, LongSupplier nanos) {
    this.server = server;
    this.settings = settings;
    this.nanos = nanos;
  }

  /**
   * The parts of a server that a drain ends. Methods may block. Those with a time parameter block
   * at most that long.
   */
  interface Server {
    InFlight inFlight() throws InterruptedException;

    /** Returns the number of downloads in progress. */
    int fills();

    /** Reports that the server is not ready, ends watches, and stops scheduled work. */
    void announce() throws IOException;

    /** Continues to serve for some time. */
    void serve(Duration time) throws InterruptedException;

    /**
     * Stops accepting connections. Open connections close after their response, or when they are
     * idle.
     */
    void closeListeners();

    /**
     * Waits until all connections are closed. Returns false if some are still open after that time.
     */
    boolean awaitConnections(Duration atMost) throws InterruptedException;

    /** Waits until no download is in progress. Returns false if one still is after that time. */
    boolean awaitFills(Duration atMost) throws InterruptedException;

    /**
     * Stops all downloads, or those without a follower, and syncs their partial blobs.
     *
     * @return the number of downloads of which a partial blob is kept
     */
    int stopFills(boolean all) throws InterruptedException;

    /**
     * Reports the progress of the drain to the service manager.
     *
     * @param left maximum time until the end, from now
     */
    void tell(String status, Duration left);

    /** Returns the number of requests that completed since {@link #announce}. */
    long drained();

    /** Ends everything, including requests and downloads in progress, and closes the store. */
    void close() throws IOException;
  }

  /** Returns the name of the part that is being ended. */
  String step() {
    return step;
  }

  /** Drains and closes the server. */
  void run() throws IOException, InterruptedException {
    long begun = nanos.getAsLong();
    nextProgress = begun + PROGRESS.toNanos();
    LOG.atInfo()
        .addKeyValue("replies", server.inFlight().replies())
        .addKeyValue("pushes", server.inFlight().pushes())
        .addKeyValue("fills", server.fills())
        .log("stopping");
    server.tell("stopping", settings.delay().plus(settings.timeout()).plus(Cistern.HANG));
    step = "watches and scheduled work";
    server.announce();
    serve(begun + settings.delay().toNanos());
    step = "listeners";
    server.closeListeners();
    long closed = nanos.getAsLong();
    long end = closed + settings.timeout().toNanos();
    int kept = awaitReplies(closed + settings.fills().toNanos(), end);
    step = "requests in flight";
    InFlight cut = server.inFlight();
    step = "downloads";
    long left = Math.min(closed + settings.fills().toNanos(), end) - nanos.getAsLong();
    if (!server.awaitFills(Duration.ofNanos(Math.max(0, left)))) {
      kept += server.stopFills(true);
    }
    long drained = server.drained();
    step = "store";
    server.close();
    LOG.atInfo()
        .addKeyValue("drained", drained)
        .addKeyValue("cut", cut.count())
        .addKeyValue("cutReplies", cut.replies())
        .addKeyValue("cutPushes", cut.pushes())
        .addKeyValue("fillsKept", kept)
        .addKeyValue("ms", TimeUnit.NANOSECONDS.toMillis(nanos.getAsLong() - begun))
        .log("stopped");
    step = "log";
  }

  /** Continues to serve until {@code end}. */
  private void serve(long end) throws InterruptedException {
    step = "requests during the delay";
    for (long now = nanos.getAsLong(); now < end; now = nanos.getAsLong()) {
      server.serve(Duration.ofNanos(Math.min(end, nextProgress) - now));
      tellProgress(end);
    }
  }

  /**
   * Waits until all responses are sent, or until {@code end}.
   *
   * @param fillsEnd the time at which downloads without a follower are stopped
   * @return the number of these downloads of which a partial blob is kept
   */
  private int awaitReplies(long fillsEnd, long end) throws InterruptedException {
    int kept = 0;
    boolean isFillsEnd = false;
    boolean isOver = false;
    for (long now = nanos.getAsLong(); !isOver && now < end; now = nanos.getAsLong()) {
      if (!isFillsEnd && now >= fillsEnd) {
        isFillsEnd = true;
        step = "downloads that no client follows";
        kept = server.stopFills(false);
      }
      step = "replies and pushes";
      long next = Math.min(end, isFillsEnd ? nextProgress : Math.min(nextProgress, fillsEnd));
      isOver = server.awaitConnections(Duration.ofNanos(Math.max(0, next - now)));
      if (!isOver) {
        tellProgress(end);
      }
    }
    return kept;
  }

  private void tellProgress(long end) throws InterruptedException {
    long now = nanos.getAsLong();
    if (now < nextProgress) {
      return;
    }
    nextProgress = now + PROGRESS.toNanos();
    InFlight running = server.inFlight();
    LoggingEventBuilder line =
        LOG.atInfo()
            .addKeyValue("replies", running.replies())
            .addKeyValue("pushes", running.pushes())
            .addKeyValue("fills", server.fills())
            .addKeyValue("leftMs", TimeUnit.NANOSECONDS.toMillis(Math.max(0, end - now)));
    line.log("draining");
    String status =
        "draining: %d responses, %d pushes".formatted(running.replies(), running.pushes());
    server.tell(status, Duration.ofNanos(Math.max(0, end - now)).plus(Cistern.HANG));
  }
}
