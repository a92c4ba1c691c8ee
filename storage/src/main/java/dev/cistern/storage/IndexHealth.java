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
 * Health of the index: for how long it has not been writable, and when the next attempt to resume
 * is due. The first attempt is made at once and the second after 1 s. The pause then doubles, up to
 * 30 s. An error less than 30 s after the index resumed counts as a continuation of the previous
 * one.
 *
 * <p>Some errors end the process ({@link #unrecoverable}): damage that reopening the index does not
 * repair, and an input/output error or a read-only file system that lasts 60 s.
 *
 * <p>The index writer updates the state, and all threads may read it. Times are monotonic.
 */
public final class IndexHealth {
  /** Maximum duration of an input/output error or a read-only file system. */
  static final Duration MAX_LASTING = Duration.ofSeconds(60);

  private static final Logger LOG = LoggerFactory.getLogger(IndexHealth.class);
  private static final long SECOND_NANOS = 1_000_000_000L;
  private static final long MAX_PAUSE_NANOS = 30 * SECOND_NANOS;

  private final LongSupplier nanos;
  private final Map<StorageError, LongAdder> errors = new EnumMap<>(StorageError.class);
  private final CompletableFuture<String> unrecoverable = new CompletableFuture<>();

  /**
   * The error of the last attempt; null if it succeeded. Guarded by this, like the fields up to
   * pause.
   */
  private @Nullable StorageError error;

  private long failedAt;
  private long resumedAt;
  private boolean wasResumed;
  private boolean wasDamaged;
  private long retryAt;
  private long pause;

  /** Time at which the writer began its current work; 0 if it waits for work. */
  private volatile long busySince;

  IndexHealth(LongSupplier nanos) {
    this.nanos = nanos;
    for (StorageError each : StorageError.values()) {
      errors.put(each, new LongAdder());
    }
  }

  /**
   * Returns how often an error has occurred since the start, in writes and in attempts to resume.
   */
  public long errors(StorageError which) {
    LongAdder count = errors.get(which);
    return count == null ? 0 : count.sum();
  }

  /** Returns the error that currently prevents writes to the index, if there is one. */
  public synchronized Optional<StorageError> error() {
    return Optional.ofNullable(error);
  }

  /** Returns how long the index has not been writable; zero if it is writable. */
  public synchronized Duration failingFor() {
    return error == null ? Duration.ZERO : Duration.ofNanos(nanos.getAsLong() - failedAt);
  }

  /**
   * Returns how long the writer has been busy with its current batch of changes; zero if it is
   * idle.
   */
  public Duration busyFor() {
    long since = busySince;
    return since == 0 ? Duration.ZERO : Duration.ofNanos(nanos.getAsLong() - since);
  }

  /**
   * Returns a future that completes with the reason when only a restart of the process can help.
   */
  public CompletableFuture<String> unrecoverable() {
    return unrecoverable;
  }

  /** Counts an error that does not stop the index, such as a full disk. */
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

  /** Records that a write or an attempt to resume failed. */
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

  /** Records that the index is writable again. */
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

  /** Records that only a restart of the process can help. */
  void end(String reason) {
    unrecoverable.complete("the index cannot be written: " + reason);
  }

  /** Returns the nanoseconds until the next attempt; 0 or less if it is due. */
  synchronized long nanosToRetry() {
    return retryAt - nanos.getAsLong();
  }
}
