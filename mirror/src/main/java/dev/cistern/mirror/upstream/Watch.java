package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Cuts one request to an upstream when a stage of it, or the whole, takes too long. A blocking read
 * of bytes that trickle ends only so. The request's thread moves it from stage to stage; the cut
 * runs on a thread of its own.
 */
final class Watch {
  private final Deadline deadline;
  private final Runnable cut;

  /** Ends with the stage that runs. Guarded by this. */
  private CompletableFuture<Void> timer = CompletableFuture.completedFuture(null);

  /** The number of the stage that runs, or ended last. Guarded by this. */
  private int stage;

  /** Why it was cut. Guarded by this. */
  private @Nullable String reason;

  /**
   * @param deadline for the whole
   * @param cut ends the request, whatever it does now
   */
  Watch(Deadline deadline, Runnable cut) {
    this.deadline = deadline;
    this.cut = cut;
  }

  /**
   * Begins a stage that may take so long, and no longer than the whole.
   *
   * @param what the message, which the time follows
   */
  synchronized void begin(Duration time, String what) {
    if (deadline.isBefore(time)) {
      beginBody();
    } else {
      limit(time, what + time.toMillis() + " ms");
    }
  }

  /** Begins the last stage, which only the whole bounds. */
  synchronized void beginBody() {
    end();
    if (deadline.end().isPresent()) {
      limit(
          deadline.left(),
          "it timed out: no whole answer in " + deadline.whole().toMillis() + " ms");
    }
  }

  @SuppressWarnings("FutureReturnValueIgnored") // what the timer comes to is the cut
  private void limit(Duration time, String why) {
    end();
    int begun = stage;
    timer = new CompletableFuture<>();
    timer
        .orTimeout(time.toNanos(), TimeUnit.NANOSECONDS)
        .whenComplete((none, late) -> {
          if (late != null && cuts(begun, why)) {
            Thread.ofVirtual().name("cut").start(cut);
          }
        });
  }

  private synchronized boolean cuts(int late, String why) {
    if (stage != late) {
      return false;
    }
    reason = why;
    return true;
  }

  /** Ends the stage that runs: nothing is cut from now on. */
  synchronized void end() {
    stage++;
    timer.complete(null);
  }

  /** Returns what to throw for an error of the request: that it was cut, if it was. */
  synchronized IOException explained(IOException error) {
    return reason == null ? error : new IOException(reason, error);
  }
}
