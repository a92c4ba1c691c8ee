package dev.cistern.base;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * Seats for work that keeps a core busy and whose amount clients choose, such as lists of long
 * objects. As many threads work at a time as there are seats, so that other requests find the other
 * cores free.
 *
 * <p>Start-time fair queueing: a free seat goes to the waiting holder that has used seats for the
 * shortest time, and of several to the one that is there for the longest time. A holder that begins
 * or comes back starts at the time of the last given seat, so it is not owed the time of its pause,
 * and a holder that leaves after each seat gains nothing by it.
 *
 * <p>While holders wait, a seat rests after each work for as long as the work took. Contended seats
 * therefore use half of their cores' time at most.
 *
 * <p>Safe for all threads. One lock guards all fields, and it is never held while a thread waits.
 * Only {@link #take} blocks.
 */
public final class FairSeats {
  private final LongSupplier nanos;
  private final ReentrantLock lock = new ReentrantLock();

  /** The holders that have a seat, wait for one, or have used more time than {@link #turn}. */
  private final Map<String, Holder> holders = new LinkedHashMap<>();

  private final int seats;
  private int free;

  /** The longest time that a holder had used when it got a seat. Holders begin with it. */
  private long turn;

  /**
   * @param seats the maximum number of threads that work at a time, 1 or more
   * @param nanos a monotonic clock, in nanoseconds
   */
  public FairSeats(int seats, LongSupplier nanos) {
    this.seats = seats;
    this.free = seats;
    this.nanos = nanos;
  }

  /** Returns seats for half of the cores, at least one. */
  public static FairSeats ofCores() {
    return new FairSeats(
        Math.max(1, Runtime.getRuntime().availableProcessors() / 2), System::nanoTime);
  }

  /** A thread's wait for a seat. */
  private static final class Wait {
    private final CompletableFuture<Seat> seat = new CompletableFuture<>();
  }

  private static final class Holder {
    private final Queue<Wait> waiting = new ArrayDeque<>();
    private long used;
    private int seats;

    long used() {
      return used;
    }
  }

  /** A seat, which its owner closes once. */
  public final class Seat implements AutoCloseable {
    private final Holder holder;
    private final long begun;

    private Seat(Holder holder, long begun) {
      this.holder = holder;
      this.begun = begun;
    }

    /** Gives the seat to the next holder. */
    @Override
    public void close() {
      lock.lock();
      try {
        long now = nanos.getAsLong();
        long worked = Math.max(0, now - begun);
        holder.used += worked;
        holder.seats--;
        Optional<Holder> next =
            holders.values().stream()
                .filter(each -> !each.waiting.isEmpty())
                .min(Comparator.comparingLong(Holder::used));
        if (next.isPresent()) {
          next.get().waiting.remove().seat.complete(seat(next.get(), now + worked));
        } else {
          free++;
        }
        forgetIdle();
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * Returns a seat; waits for it.
   *
   * @param name of the client that the work is for
   */
  public Seat take(String name) throws InterruptedException {
    Holder holder;
    var wait = new Wait();
    lock.lock();
    try {
      holder = holders.computeIfAbsent(name, absent -> new Holder());
      if (holder.waiting.isEmpty()) {
        holder.used = Math.max(holder.used, turn);
      }
      if (free > 0) {
        free--;
        return seat(holder, nanos.getAsLong());
      }
      holder.waiting.add(wait);
    } finally {
      lock.unlock();
    }
    try {
      Seat seat = wait.seat.get();
      Thread.sleep(Duration.ofNanos(Math.max(0, seat.begun - nanos.getAsLong())));
      return seat;
    } catch (InterruptedException e) {
      leave(holder, wait);
      throw e;
    } catch (ExecutionException e) {
      throw new IllegalStateException("a seat is given or not", e);
    }
  }

  /** Returns the number of holders that are kept in memory. */
  int holders() {
    lock.lock();
    try {
      return holders.size();
    } finally {
      lock.unlock();
    }
  }

  /** Returns the number of threads that wait. */
  int waiting() {
    lock.lock();
    try {
      return holders.values().stream().mapToInt(holder -> holder.waiting.size()).sum();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives a seat to a holder.
   *
   * @param begin when the work may begin
   */
  private Seat seat(Holder holder, long begin) {
    turn = Math.max(turn, holder.used);
    holder.seats++;
    return new Seat(holder, begin);
  }

  /** Ends a wait, or gives up the seat that was given meanwhile. */
  private void leave(Holder holder, Wait wait) {
    lock.lock();
    try {
      if (holder.waiting.remove(wait)) {
        forgetIdle();
        return;
      }
    } finally {
      lock.unlock();
    }
    wait.seat.join().close();
  }

  /** Removes the holders whose time needs no memory any longer. */
  private void forgetIdle() {
    boolean isUnused = free == seats;
    holders
        .values()
        .removeIf(holder ->
            holder.seats == 0 && holder.waiting.isEmpty() && (isUnused || holder.used <= turn));
  }
}
