package dev.cistern.server.admin;

import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.IndexException;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoreFullException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The ability of this server to read and write. Two probes run at most every 5 s, each with a limit
 * of 5 s: a synced write of the index, and the creation, sync and removal of a file beside the
 * blobs. Between probes the last result counts. Failed writes make the server unready after 10 s;
 * lack of space never does. Upstreams are not probed.
 *
 * <p>Safe for all threads. Callers that arrive during a probe wait for it.
 */
final class Readiness {
  private static final RepositoryName ANY = new RepositoryName("cistern");
  private static final Duration INTERVAL = Duration.ofSeconds(5);
  private static final Duration LIMIT = Duration.ofSeconds(5);
  private static final Duration TOLERANCE = Duration.ofSeconds(10);

  /**
   * The result of one check.
   *
   * @param reason the reason of a failure; empty for a success
   */
  record Check(String name, Optional<String> reason) {
    boolean isOk() {
      return reason.isEmpty();
    }
  }

  /**
   * The overall state.
   *
   * @param isReady whether requests should be sent to this server
   * @param degraded the degradation in effect, such as {@code storage full}
   */
  record State(boolean isReady, Optional<String> degraded, List<Check> checks) {}

  private final Store store;
  private final LongSupplier nanos;
  private @Nullable Probes last;
  private long lastNanos;
  private long failingSince;
  private boolean isFailing;

  /** The results of the last probes. */
  private record Probes(Check index, Check content, boolean isFull) {}

  /** The probe that exceeded its limit, if any; the next one starts only after its end. */
  private @Nullable FutureTask<Boolean> stuckIndex;

  private @Nullable FutureTask<Boolean> stuckContent;

  Readiness(Store store, LongSupplier nanos) {
    this.store = store;
    this.nanos = nanos;
  }

  /** Returns the state. Waits for the disk if the last probes are older than 5 s. */
  synchronized State state() {
    Check read = read();
    Probes probes = probes();
    List<Check> checks = List.of(read, probes.index(), probes.content());
    boolean isLasting = isFailing && nanos.getAsLong() - failingSince >= TOLERANCE.toNanos();
    Optional<String> degraded =
        probes.isFull()
            ? Optional.of("storage full")
            : isFailing
                ? Optional.of("storage failing")
                : store.isDoubtful() ? Optional.of("store doubtful") : Optional.empty();
    return new State(read.isOk() && !isLasting, degraded, checks);
  }

  private Check read() {
    try {
      store.repositories().exists(ANY);
      return new Check("index-read", Optional.empty());
    } catch (IndexException e) {
      return new Check("index-read", Optional.of(String.valueOf(e.getMessage())));
    }
  }

  private Probes probes() {
    long now = nanos.getAsLong();
    if (last != null && now - lastNanos < INTERVAL.toNanos()) {
      return last;
    }
    var full = new ArrayList<StoreFullException>();
    stuckIndex = begun(stuckIndex, store::probeIndex);
    stuckContent = begun(stuckContent, store::probeContent);
    Check index = result("index-write", stuckIndex, full);
    Check content = result("content-write", stuckContent, full);
    stuckIndex = stuckIndex.isDone() ? null : stuckIndex;
    stuckContent = stuckContent.isDone() ? null : stuckContent;
    boolean isBad = !index.isOk() || !content.isOk();
    if (isBad && !isFailing) {
      failingSince = now - store.indexHealth().failingFor().toNanos();
    }
    isFailing = isBad;
    last = new Probes(index, content, !full.isEmpty() || isFull());
    lastNanos = now;
    return last;
  }

  private boolean isFull() {
    try {
      return store.isFull();
    } catch (IOException e) {
      return false; // the disk cannot be queried; the probes report why
    }
  }

  private interface Probe {
    void run() throws IOException;
  }

  private static FutureTask<Boolean> begun(@Nullable FutureTask<Boolean> stuck, Probe probe) {
    if (stuck != null && !stuck.isDone()) {
      return stuck;
    }
    Callable<Boolean> call =
        () -> {
          probe.run();
          return true;
        };
    var task = new FutureTask<>(call);
    Thread.ofVirtual().name("readiness-probe").start(task);
    return task;
  }

  private static Check result(
      String name, FutureTask<Boolean> task, List<StoreFullException> full) {
    try {
      task.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
      return new Check(name, Optional.empty());
    } catch (ExecutionException e) {
      if (e.getCause() instanceof StoreFullException cause) {
        full.add(cause);
        return new Check(name, Optional.empty());
      }
      Throwable cause = e.getCause() == null ? e : e.getCause();
      return new Check(name, Optional.of(String.valueOf(cause.getMessage())));
    } catch (TimeoutException e) {
      return new Check(name, Optional.of("no result after " + LIMIT.toSeconds() + " s"));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Check(name, Optional.of("interrupted"));
    }
  }
}
