package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Limits;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Connection slots of the upstreams for blob downloads. A download takes a slot of its upstream,
 * and may lose it to another download and resume later; {@link FairTurns} decides which download
 * has a slot. Thread-safe.
 *
 * <p>While a download waits, a thread repeats the decision several times within the patience,
 * because it also depends on the time.
 */
final class BlobTurns {
  private static final Duration MAX_PAUSE = Duration.ofSeconds(1);
  private static final Duration MIN_PAUSE = Duration.ofMillis(10);
  private static final int LOOKS_IN_PATIENCE = 8;

  private final Upstreams upstreams;
  private final Duration patience;
  private final Executor executor;

  /** By upstream; an entry stays as long as it is referenced. */
  private final Cache<String, Line> lines = Caffeine.newBuilder().weakValues().build();

  private final AtomicInteger waiting = new AtomicInteger();
  private final LongAdder givenWay = new LongAdder();

  /**
   * @param patience how long a follower waits before its download gets a slot beyond the usual
   *     number
   * @param executor an executor with a thread for each task
   */
  BlobTurns(Upstreams upstreams, Duration patience, Executor executor) {
    this.upstreams = upstreams;
    this.patience = patience;
    this.executor = executor;
  }

  /** Returns the number of downloads that wait for a slot now. */
  int waiting() {
    return waiting.get();
  }

  /** Returns how often a download lost its slot to another one. */
  long givenWay() {
    return givenWay.sum();
  }

  /**
   * Returns a turn at the upstream of a source, which does not have or wait for a slot yet.
   *
   * @param isFollowed whether a follower waits for the download's bytes; must not block
   */
  Turn turn(PullSource source, BooleanSupplier isFollowed) {
    Line line = lines.get(source.upstream(), name -> line(source));
    return new Turn(line, new FairTurns.Turn(source.repository().path(), isFollowed));
  }

  private Line line(PullSource source) {
    Limits limits = upstreams.settings(source).connection().limits();
    int most = limits.blobs();
    return new Line(new FairTurns(Math.min(limits.fills(), most), most, patience));
  }

  /** The slots of one upstream. */
  private final class Line implements Runnable {
    private final ReentrantLock lock = new ReentrantLock();

    /** Guarded by the lock. */
    private final FairTurns turns;

    /** Guarded by the lock. */
    private final Map<FairTurns.Turn, Turn> taken = new HashMap<>();

    /** Guarded by the lock. */
    private boolean isWatched;

    Line(FairTurns turns) {
      this.turns = turns;
    }

    /** Called under the lock. */
    private void decide() {
      FairTurns.Decision decision = turns.decide(System.nanoTime());
      for (FairTurns.Turn paused : decision.pause()) {
        givenWay.increment();
        Turn turn = taken.get(paused);
        if (turn != null) {
          turn.pause();
        }
      }
      for (FairTurns.Turn begun : decision.begin()) {
        Turn turn = taken.get(begun);
        if (turn != null) {
          turn.isMine.signal();
        }
      }
      if (turns.waiting() > 0 && !isWatched) {
        isWatched = true;
        try {
          executor.execute(this);
        } catch (RejectedExecutionException e) {
          isWatched = false; // the server is stopping, which ends all waits
        }
      }
    }

    /** Repeats the decision at intervals while a download waits. */
    @Override
    public void run() {
      long pause =
          Math.clamp(
              patience.dividedBy(LOOKS_IN_PATIENCE).toMillis(),
              MIN_PAUSE.toMillis(),
              MAX_PAUSE.toMillis());
      try {
        while (look()) {
          Thread.sleep(pause);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt(); // the server is stopping
      }
    }

    private boolean look() {
      lock.lock();
      try {
        isWatched = true;
        decide();
        isWatched = turns.waiting() > 0;
        return isWatched;
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * One download's claim to a slot. Methods are called by the download's thread, unless they say
   * otherwise.
   */
  final class Turn implements AutoCloseable {
    private final Line line;
    private final FairTurns.Turn turn;
    private final Condition isMine;

    /** Guarded by the lock. */
    private boolean isEntered;

    /** Guarded by the lock. */
    private boolean isPaused;

    /** Guarded by the lock. */
    private @Nullable Runnable cut;

    /** The thread that opens a connection in this turn. Guarded by the lock. */
    private @Nullable Thread opening;

    private Turn(Line line, FairTurns.Turn turn) {
      this.line = line;
      this.turn = turn;
      this.isMine = line.lock.newCondition();
    }

    /**
     * Waits for the slot, unless this turn already has it.
     *
     * @throws IOException if the server is stopping
     */
    void take() throws IOException {
      line.lock.lock();
      try {
        isPaused = false;
        cut = null;
        if (!isEntered) {
          isEntered = true;
          line.taken.put(turn, this);
          line.turns.enter(turn, System.nanoTime());
        }
        line.decide();
        if (!turn.isRunning()) {
          await();
        }
      } finally {
        line.lock.unlock();
      }
    }

    private void await() throws IOException {
      waiting.incrementAndGet();
      try {
        while (!turn.isRunning()) {
          isMine.await();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IOException("the server is stopping", e);
      } finally {
        waiting.decrementAndGet();
      }
    }

    /**
     * Sets the action that cuts the connection that was opened in this turn.
     *
     * @param by the action; it runs at once if the slot has been lost meanwhile, otherwise later on
     *     any thread
     */
    void opened(Runnable by) {
      line.lock.lock();
      try {
        cut = by;
        if (isPaused) {
          by.run();
        }
      } finally {
        line.lock.unlock();
      }
    }

    /** Records received bytes. */
    void moved(long count) {
      line.lock.lock();
      try {
        line.turns.moved(turn, count, System.nanoTime());
      } finally {
        line.lock.unlock();
      }
    }

    /** Returns whether this turn has the slot; may be called by any thread. */
    boolean isTaken() {
      line.lock.lock();
      try {
        return turn.isRunning();
      } finally {
        line.lock.unlock();
      }
    }

    /**
     * Returns whether the slot was lost to another download, so that {@link #take} must be called
     * next.
     */
    boolean isPaused() {
      line.lock.lock();
      try {
        return isPaused;
      } finally {
        line.lock.unlock();
      }
    }

    /** Called under the lock. */
    private void pause() {
      isPaused = true;
      if (cut != null) {
        cut.run();
      }
      if (opening != null) {
        opening.interrupt();
      }
    }

    /** Begins to open a connection. If the slot is lost meanwhile, this thread is interrupted. */
    void beginOpening() {
      line.lock.lock();
      try {
        opening = Thread.currentThread();
        if (isPaused) {
          opening.interrupt();
        }
      } finally {
        line.lock.unlock();
      }
    }

    /**
     * Ends {@link #beginOpening}. Clears an interrupt that was meant for it, so that later calls
     * are not affected.
     */
    void endOpening() {
      line.lock.lock();
      try {
        opening = null;
        if (isPaused) {
          Thread.interrupted();
        }
      } finally {
        line.lock.unlock();
      }
    }

    /** Ends the turn, so that another download gets the slot. */
    @Override
    public void close() {
      line.lock.lock();
      try {
        line.turns.leave(turn);
        line.taken.remove(turn);
        isEntered = false;
        line.decide();
      } finally {
        line.lock.unlock();
      }
    }
  }
}
