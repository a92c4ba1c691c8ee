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
 * The orderly end of a server: it says that it ends, closes its listeners after {@code delay}, lets
 * replies and pushes run to their end within {@code timeout}, stops the downloads that are left,
 * and closes the store.
 *
 * <p>Runs once, on the thread that calls {@link #run}. {@link #step} may be asked by any thread, so
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
   * @param nanos a clock as {@link System#nanoTime}
   */
  ServerDrain(Server server, DrainSettings settings, LongSupplier nanos) {
    this.server = server;
    this.settings = settings;
    this.nanos = nanos;
  }

  /** The parts of a server that are ended. Methods may block; those with a time not longer. */
  interface Server {
    InFlight inFlight() throws InterruptedException;

    /** Returns how many downloads run. */
    int fills();

    /** Reports that it is not ready, ends watches and begins no work of its own. */
    void announce() throws IOException;

    /** Goes on as before for some time. */
    void serve(Duration time) throws InterruptedException;

    /** Stops accepting connections; open ones close with their reply or when idle. */
    void closeListeners();

    /** Waits until all connections are closed; returns false if some are open after that time. */
    boolean awaitConnections(Duration atMost) throws InterruptedException;

    /** Waits until no download runs; returns false if one does after that time. */
    boolean awaitFills(Duration atMost) throws InterruptedException;

    /**
     * Stops the downloads that no client follows, or all, and syncs what has come of them.
     *
     * @return of how many something is kept
     */
    int stopFills(boolean all) throws InterruptedException;

    /**
     * Tells the service manager how far the end is.
     *
     * @param left how long it may take from now on
     */
    void tell(String status, Duration left);

    /** Returns how many requests ended well since {@link #announce}. */
    long drained();

    /** Ends everything, whatever still runs, and closes the store. */
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

  /** Serves on until {@code end}. */
  private void serve(long end) throws InterruptedException {
    step = "requests during the delay";
    for (long now = nanos.getAsLong(); now < end; now = nanos.getAsLong()) {
      server.serve(Duration.ofNanos(Math.min(end, nextProgress) - now));
      tellProgress(end);
    }
  }

  /**
   * Waits until all replies are out, or {@code end}.
   *
   * @param fillsEnd when downloads without a follower are stopped
   * @return of how many of these something is kept
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
