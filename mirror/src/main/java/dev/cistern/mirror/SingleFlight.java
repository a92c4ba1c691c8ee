package dev.cistern.mirror;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Sharing of work between concurrent callers: work for a key runs once, and a caller that arrives
 * while it runs gets its result. The work runs on a thread of its own, so it completes even if all
 * callers have left.
 *
 * <p>A flight that hangs does not delay callers for long. After a short time no caller joins it:
 * the next one starts a second flight, and a key has at most two. The first may run until its
 * deadline, so that a slow upstream can still answer. A second flight that has become old is cut
 * and replaced when the next caller arrives. That caller therefore does not wait for an old
 * request. A good result answers the callers of the other flight too.
 *
 * <p>Thread-safe. The flights of a key change within {@link ConcurrentHashMap#compute}.
 */
final class SingleFlight<K, V> {
  private static final int MAX_FLIGHTS = 2;

  private final ConcurrentHashMap<K, List<Flight>> flights = new ConcurrentHashMap<>();
  private final Executor executor;
  private final Predicate<V> isGood;
  private final Duration young;
  private final LongSupplier nanos;

  /**
   * @param executor an executor with a thread for each task, which is interrupted when its flight
   *     is cut
   * @param isGood whether a result also serves the callers of another flight
   * @param young the maximum age of a flight that further callers join
   * @param nanos the monotonic clock, in nanoseconds
   */
  SingleFlight(Executor executor, Predicate<V> isGood, Duration young, LongSupplier nanos) {
    this.executor = executor;
    this.isGood = isGood;
    this.young = young;
    this.nanos = nanos;
  }

  /**
   * A flight as a caller sees it.
   *
   * @param isMine whether the caller started it
   */
  record Joined<V>(CompletableFuture<V> result, boolean isMine) {}

  /** Failure to get a result in time. */
  static final class LateException extends IOException {
    private static final long serialVersionUID = 1L;

    LateException(Throwable cause) {
      super("no answer in time", cause);
    }
  }

  /** One run of the work. */
  private final class Flight implements Runnable {
    private final K key;
    private final Supplier<V> work;
    private final boolean isDemanded;
    private final long begun = nanos.getAsLong();
    private final CompletableFuture<V> result = new CompletableFuture<>();

    /** Guarded by this. */
    private @Nullable Thread thread;

    /** Guarded by this. */
    private boolean isCut;

    Flight(K key, Supplier<V> work, boolean isDemanded) {
      this.key = key;
      this.work = work;
      this.isDemanded = isDemanded;
    }

    boolean isYoung() {
      return nanos.getAsLong() - begun <= young.toNanos();
    }

    @Override
    public void run() {
      if (!begin()) {
        return;
      }
      try {
        land(this, work.get());
      } catch (RuntimeException | Error e) {
        if (remove(this)) {
          result.completeExceptionally(e);
        }
      }
    }

    private synchronized boolean begin() {
      thread = Thread.currentThread();
      return !isCut;
    }

    synchronized void cut() {
      isCut = true;
      if (thread != null) {
        thread.interrupt();
      }
    }
  }

  /**
   * Joins a flight that began a short time ago, or starts one.
   *
   * @param limit the maximum duration of a flight that is started; a longer one is cut
   */
  Joined<V> join(K key, Duration limit, Supplier<V> work) {
    return join(key, limit, work, false, null);
  }

  /**
   * Starts a flight in any case. It does not join an earlier flight, and replaces one if the key
   * already has two.
   */
  CompletableFuture<V> demand(K key, Duration limit, Supplier<V> work) {
    return join(key, limit, work, true, null).result();
  }

  /**
   * Joins a flight as {@link #join} does, and waits for its result. For a flight that another
   * caller started it waits at most {@code wait}. After that it waits for a flight that begins now
   * or began a short time ago.
   *
   * @throws LateException if there is no result in time
   * @throws IOException if the work failed, or the server is stopping
   */
  V get(K key, Duration wait, Duration limit, Supplier<V> work) throws IOException {
    Joined<V> joined = join(key, limit, work);
    if (!joined.isMine()) {
      try {
        return await(joined.result(), wait);
      } catch (LateException e) {
        joined = join(key, limit, work, false, joined.result());
      }
    }
    return await(joined.result());
  }

  /**
   * @param waitedFor the result that must not be joined again; null if there is none
   */
  private Joined<V> join(
      K key,
      Duration limit,
      Supplier<V> work,
      boolean isDemanded,
      @Nullable CompletableFuture<V> waitedFor) {
    var mine = new Flight(key, work, isDemanded);
    var chosen = new ArrayList<Flight>();
    var replaced = new ArrayList<Flight>();
    flights.compute(
        key,
        (same, found) -> {
          List<Flight> running = found == null ? List.of() : found;
          Flight joined = isDemanded ? null : joinable(running, waitedFor);
          chosen.add(joined == null ? mine : joined);
          if (joined != null) {
            return running;
          }
          var next = new ArrayList<Flight>(running);
          if (next.size() == MAX_FLIGHTS) {
            Flight old = replaceable(next);
            next.remove(old);
            replaced.add(old);
          }
          next.add(mine);
          return next;
        });
    Flight flight = chosen.getFirst();
    if (flight == mine) {
      replaced.forEach(old -> replace(old, mine));
      start(mine, limit);
    }
    return new Joined<>(flight.result, flight == mine);
  }

  @SuppressWarnings("ReferenceEquality") // of two flights' results
  private @Nullable Flight joinable(
      List<Flight> running, @Nullable CompletableFuture<V> waitedFor) {
    if (running.isEmpty()) {
      return null;
    }
    Flight last = running.getLast();
    boolean isFull = running.size() == MAX_FLIGHTS && running.stream().allMatch(f -> f.isDemanded);
    return isFull || (last.isYoung() && last.result != waitedFor) ? last : null;
  }

  /** Returns the youngest flight that was not demanded, or else the oldest flight. */
  private Flight replaceable(List<Flight> running) {
    return running.reversed().stream()
        .filter(flight -> !flight.isDemanded)
        .findFirst()
        .orElse(running.getFirst());
  }

  /** Cuts a flight, whose callers get the result of its replacement, which began later. */
  @SuppressWarnings("FutureReturnValueIgnored") // the old result receives the outcome
  private void replace(Flight old, Flight by) {
    by.result.whenComplete((value, error) -> {
      if (error == null) {
        old.result.complete(value);
      } else {
        old.result.completeExceptionally(error);
      }
    });
    old.cut();
  }

  @SuppressWarnings("FutureReturnValueIgnored") // the timer only ends the flight
  private void start(Flight flight, Duration limit) {
    flight
        .result
        .orTimeout(limit.toNanos(), TimeUnit.NANOSECONDS)
        .whenComplete((value, error) -> {
          if (error instanceof TimeoutException) {
            remove(flight);
            flight.cut();
          }
        });
    try {
      executor.execute(flight);
    } catch (RuntimeException | Error e) {
      remove(flight); // it has no thread: the server is stopping, or out of memory
      flight.result.completeExceptionally(e);
      throw e;
    }
  }

  private void land(Flight flight, V value) {
    var others = new ArrayList<Flight>();
    flights.computeIfPresent(
        flight.key,
        (same, running) -> {
          if (!running.contains(flight)) {
            return running;
          }
          int place = running.indexOf(flight);
          if (isGood.test(value)) {
            running.stream()
                .filter(other -> other != flight)
                .filter(other -> !other.isDemanded || running.indexOf(other) < place)
                .forEach(others::add);
          }
          return without(running, flight, others);
        });
    flight.result.complete(value);
    others.forEach(other -> {
      other.result.complete(value);
      other.cut();
    });
  }

  /** Removes a flight; returns false if it was removed before. */
  private boolean remove(Flight flight) {
    var removed = new AtomicBoolean();
    flights.computeIfPresent(
        flight.key,
        (same, running) -> {
          removed.set(running.contains(flight));
          return without(running, flight, List.of());
        });
    return removed.get();
  }

  private @Nullable List<Flight> without(List<Flight> running, Flight one, List<Flight> others) {
    List<Flight> rest =
        running.stream().filter(flight -> flight != one && !others.contains(flight)).toList();
    return rest.isEmpty() ? null : rest;
  }

  /** Returns the number of flights. */
  int count() {
    return flights.values().stream().mapToInt(List::size).sum();
  }

  /**
   * Waits for the result of {@link #join} until its flight has ended.
   *
   * @throws LateException if the flight took too long
   * @throws IOException if the work failed, or the server is stopping
   */
  static <T> T await(CompletableFuture<T> flight) throws IOException {
    try {
      return flight.get();
    } catch (ExecutionException | InterruptedException e) {
      throw failed(e);
    }
  }

  /**
   * Waits for the result of {@link #join}, for a maximum time.
   *
   * @throws LateException if that was too short, or the flight took too long
   * @throws IOException if the work failed, or the server is stopping
   */
  static <T> T await(CompletableFuture<T> flight, Duration wait) throws IOException {
    try {
      return flight.get(wait.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw new LateException(e);
    } catch (ExecutionException | InterruptedException e) {
      throw failed(e);
    }
  }

  /** Returns the exception to throw if a wait for a flight throws {@code e}. */
  private static IOException failed(Exception e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
      return new IOException("the server is stopping", e);
    }
    Throwable cause = e.getCause();
    if (cause instanceof TimeoutException) {
      return new LateException(cause);
    }
    return cause instanceof UncheckedIOException io && io.getCause() != null
        ? io.getCause()
        : new IOException(String.valueOf(cause), e);
  }
}
