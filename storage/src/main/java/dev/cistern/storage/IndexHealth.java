package dev.cistern.storage;

import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The health of the index: since when it cannot be written, and when it is tried again: at once,
 * after 1 s, then after twice the time, up to 30 s. Damage that opening the index anew does not
 * heal, and an input/output error or a read-only file system that lasts 60 s, end the process
 * ({@link #unrecoverable}). An error less than 30 s after the last one counts as the same one.
 *
 * <p>The index writer tells; all threads may ask. Times are monotonic.
 */
public final class IndexHealth {
  /** How long an error may last that no time heals. */
  static final Duration MAX_LASTING = Duration.ofSeconds(60);

  private static final Logger LOG = LoggerFactory.getLogger(IndexHealth.class);
  private static final long SECOND_NANOS = 1_000_000_000L;
  private static final long MAX_PAUSE_NANOS = 30 * SECOND_NANOS;

  private final LongSupplier nanos;
  private final Map<StorageError, LongAdder> errors = new EnumMap<>(StorageError.class);
  private final CompletableFuture<String> unrecoverable = new CompletableFuture<>();

  /** The error of the last try, null if it succeeded; guarded by this, like all that follow. */
  private @Nullable StorageError error;

  private long failedAt;
  private long resumedAt;
  private boolean wasResumed;
  private boolean wasDamaged;
  private long retryAt;
  private long pause;

  /** When the writer began what it does now; 0 if it waits for work. */
  private volatile long busySince;

  IndexHealth(LongSupplier nanos) {
    this.nanos = nanos;
    for (StorageError each : StorageError.values()) {
      errors.put(each, new LongAdder());
    }
  }

  /** Returns how often a write failed because of an error, since the start. */
  public long errors(StorageError which) {
    LongAdder count = errors.get(which);
    return count == null ? 0 : count.sum();
  }

  /** Returns the error that keeps the index from being written now. */
  public synchronized Optional<StorageError> error() {
    return Optional.ofNullable(error);
  }

  /** Returns how long the index has not been written. */
  public synchronized Duration failingFor() {
    return error == null ? Duration.ZERO : Duration.ofNanos(nanos.getAsLong() - failedAt);
  }

  /** Returns how long the writer has been busy with one group of changes. */
  public Duration busyFor() {
    long since = busySince;
    return since == 0 ? Duration.ZERO : Duration.ofNanos(nanos.getAsLong() - since);
  }

  /** Is completed with the reason when only a new process can help. */
  public CompletableFuture<String> unrecoverable() {
    return unrecoverable;
  }

  /** Counts an error that does not stop the index: there is no room, or a read failed. */
  void count(StorageError which) {
    LongAdder count = errors.get(which);
    if (count != null) {
      count.increment();
    }
  }

  void busy() {
    busySince = nanos.getAsLong();
  }

  void idle() {
    busySince = 0;
  }

  /** Notes that a write or a try to resume failed. */
  synchronized void failed(StorageError which, Throwable cause) {
    count(which);
    long now = nanos.getAsLong();
    if (error == null) {
      boolean isRelapse = wasResumed && now - resumedAt < MAX_PAUSE_NANOS;
      failedAt = isRelapse ? failedAt : now;
      pause = isRelapse ? pause : 0;
      LOG.atError()
          .addKeyValue("reason", which.text())
          .setCause(cause)
          .log("index cannot be written");
    }
    if (which == StorageError.CORRUPTION) {
      if (wasDamaged && error == null) {
        end(which.text() + " again, after it was opened anew");
      }
      wasDamaged = true;
    }
    error = which;
    retryAt = now + pause;
    pause = pause == 0 ? SECOND_NANOS : Math.min(2 * pause, MAX_PAUSE_NANOS);
    boolean lasts = now - failedAt >= MAX_LASTING.toNanos();
    if (lasts && (which == StorageError.EIO || which == StorageError.EROFS)) {
      end(which.text() + " for " + MAX_LASTING.toSeconds() + " s");
    }
  }

  /** Notes that it is written again. */
  synchronized void resumed() {
    if (error != null) {
      LOG.atInfo()
          .addKeyValue("reason", error.text())
          .addKeyValue("forMs", failingFor().toMillis())
          .log("index resumed");
      resumedAt = nanos.getAsLong();
      wasResumed = true;
    }
    error = null;
  }

  /** Notes that only a new process can help. */
  void end(String reason) {
    unrecoverable.complete("the index cannot be written: " + reason);
  }

  /** Returns how long to wait until the next try; 0 or less if it is due. */
  synchronized long nanosToRetry() {
    return retryAt - nanos.getAsLong();
  }
}
