package dev.cistern.server.streams;

import dev.cistern.base.ClockJumps;
import dev.cistern.base.Guarded;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Periodic pruning. The first run starts one period or 10 minutes after the start, whichever is
 * less.
 */
public final class PruneSchedule implements Closeable {
  private static final Logger LOG = LoggerFactory.getLogger(PruneSchedule.class);
  private static final Duration LONGEST_FIRST = Duration.ofMinutes(10);

  private final Pruner pruner;
  private final Duration every;
  private final ClockJumps jumps;
  private final Thread thread;

  public PruneSchedule(Pruner pruner, Duration every, ClockJumps jumps) {
    this.pruner = pruner;
    this.jumps = jumps;
    this.every = every;
    this.thread = Thread.ofVirtual().name("prune").unstarted(this::run);
  }

  public void start() {
    thread.start();
  }

  private void run() {
    try {
      Thread.sleep(every.compareTo(LONGEST_FIRST) < 0 ? every : LONGEST_FIRST);
      while (true) {
        Guarded.run("prune", this::prune);
        Thread.sleep(every);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void prune() {
    if (jumps.holds(pruner.usual().keepYoungerThan())) {
      LOG.atInfo().log("prune put off: the clock jumped forward");
      return;
    }
    try {
      Pruner.Summary summary = pruner.run(pruner.usual(), false, Pruner.Report.NONE);
      if (!summary.isEmpty()) {
        LOG.atInfo()
            .addKeyValue("images", summary.images())
            .addKeyValue("items", summary.items())
            .addKeyValue("blobs", summary.blobs())
            .addKeyValue("bytes", summary.bytes())
            .log("pruned");
      }
    } catch (IOException | RuntimeException e) {
      if (!Thread.currentThread().isInterrupted()) {
        LOG.atError().setCause(e).log("not pruned");
      }
    }
  }

  @Override
  public void close() {
    thread.interrupt();
  }
}
