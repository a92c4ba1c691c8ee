package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A timer that cuts one request to an upstream when one of its stages, or the whole request, takes
 * too long. This is the only way to end a blocking read that receives its bytes slowly. The
 * request's thread moves the watch from stage to stage; the cut runs on a thread of its own.
 */
final class Watch {
  private final Deadline deadline;
  private final Runnable cut;

  /** Completes with the current stage. Guarded by this. */
  private CompletableFuture<Void> timer = CompletableFuture.completedFuture(null);

  /** The number of the current stage, or of the last one. Guarded by this. */
  private int stage;

  /** The reason of the cut, if there was one. Guarded by this. */
  private @Nullable String reason;

  /**
   * @param deadline the deadline of the whole request
   * @param cut an action that ends the request in any state
   */
  Watch(Deadline deadline, Runnable cut) {
    this.deadline = deadline;
    this.cut = cut;
  }

  /**
   * Begins a stage that may last {@code time}, but no longer than the whole request.
   *
   * @param what the message; the time is appended
   */
  synchronized void begin(Duration time, String what) {
    if (deadline.isBefore(time)) {
      beginBody();
    } else {
      limit(time, what + time.toMillis() + " ms");
    }
  }

  /** Begins the last stage, which only the deadline of the whole request limits. */
  synchronized void beginBody() {
    end();
    if (deadline.end().isPresent()) {
      limit(
          deadline.left(),
          "it timed out: no whole answer in " + deadline.whole().toMillis() + " ms");
    }
  }

  @SuppressWarnings("FutureReturnValueIgnored") // the result of the timer is the cut
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

  /** Ends the current stage; nothing is cut until the next one begins. */
  synchronized void end() {
    stage++;
    timer.complete(null);
  }

  /**
   * Returns the exception to throw for an error of the request: the reason of the cut, if it was
   * cut.
   */
  synchronized IOException explained(IOException error) {
    return reason == null ? error : new IOException(reason, error);
  }
}
