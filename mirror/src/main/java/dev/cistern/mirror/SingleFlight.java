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
 * One run at a time of the same work for all its callers: a caller that comes while it runs gets
 * its result. The work runs on a thread of its own, so it ends though all callers have left.
 *
 * <p>A flight that hangs holds up no caller for long. After a short time no caller joins it: the
 * next one starts a second flight, and there are at most two for a key. The first may run until its
 * deadline, so an upstream that is merely slow is heard; a second one that has become old is cut
 * and replaced when the next caller comes, so that caller does not wait for an upstream's past. A
 * good result answers the callers of the other flight too.
 *
 * <p>Safe for all threads. The flights of a key change within {@link ConcurrentHashMap#compute}.
 */
final class SingleFlight<K, V> {
  private static final int MAX_FLIGHTS = 2;

  private final ConcurrentHashMap<K, List<Flight>> flights = new ConcurrentHashMap<>();
  private final Executor executor;
  private final Predicate<V> isGood;
  private final Duration young;
  private final LongSupplier nanos;

  /**
   * @param executor with a thread for each task, which is interrupted when its flight is cut
   * @param isGood whether a result serves the callers of another flight too
   * @param young how old a flight may be that is joined
   * @param nanos the monotonic clock
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

  /** There was no result in time. */
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
   * @param limit how long a flight that is started may take; one that takes longer is cut
   */
  Joined<V> join(K key, Duration limit, Supplier<V> work) {
    return join(key, limit, work, false, null);
  }

  /** Starts a flight: one that began before is not joined, and takes no place from this one. */
  CompletableFuture<V> demand(K key, Duration limit, Supplier<V> work) {
    return join(key, limit, work, true, null).result();
  }

  /**
   * Joins a flight as {@link #join} does and waits for its result; for one that others started no
   * longer than {@code wait}, and then for one that begins now or began a short time ago.
   *
   * @throws LateException if there is no result in time
   * @throws IOException what the work failed with, or that the server is stopping
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
   * @param waitedFor what is not joined again
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

  /** Returns the youngest that was not demanded, else the oldest. */
  private Flight replaceable(List<Flight> running) {
    return running.reversed().stream()
        .filter(flight -> !flight.isDemanded)
        .findFirst()
        .orElse(running.getFirst());
  }

  /** The callers of the old one get what the new one brings, which began later. */
  @SuppressWarnings("FutureReturnValueIgnored") // what follows is told to the old result
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

  @SuppressWarnings("FutureReturnValueIgnored") // what the timer comes to is the cut
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

  /** Forgets a flight; returns false if it was forgotten before. */
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

  /** Returns how many flights there are. */
  int count() {
    return flights.values().stream().mapToInt(List::size).sum();
  }

  /**
   * Waits for what {@link #join} gave, until its flight is over.
   *
   * @throws LateException if the flight took too long
   * @throws IOException what the work failed with, or that the server is stopping
   */
  static <T> T await(CompletableFuture<T> flight) throws IOException {
    try {
      return flight.get();
    } catch (ExecutionException | InterruptedException e) {
      throw failed(e);
    }
  }

  /**
   * Waits for what {@link #join} gave, no longer than a time.
   *
   * @throws LateException if that was too short, or the flight took too long
   * @throws IOException what the work failed with, or that the server is stopping
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

  /** Returns what to throw when a wait for a flight throws {@code e}. */
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
