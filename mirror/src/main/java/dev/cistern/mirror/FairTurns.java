package dev.cistern.mirror;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/**
 * Scheduler of the connection slots of one upstream: it decides which downloads run, and which
 * wait. It does nothing else: the time is a parameter, in nanoseconds of the monotonic clock, and
 * no method blocks.
 *
 * <p>At most {@code fills} downloads run at a time, and the slots rotate over the repositories.
 * Only downloads that make progress count: while others wait, a slow download does not count toward
 * {@code fills}. A download without a follower gives way to one with followers. A follower that has
 * waited for the patience gets a slot beyond {@code fills}, up to {@code most} in all. If even
 * those are taken, it gets the slot of the slowest download, provided that this one is slow.
 *
 * <p>Not thread-safe: the caller holds a lock.
 */
final class FairTurns {
  /** A download below this rate does not count while others wait. */
  static final long SLOW_BYTES_PER_SECOND = 16 << 10;

  /** The time over which the rate is measured. */
  static final Duration SLOW_OVER = Duration.ofSeconds(30);

  private static final long BETWEEN_MARKS = SLOW_OVER.toNanos() / 6;
  private static final double SECOND = Duration.ofSeconds(1).toNanos();

  private final int fills;
  private final int most;
  private final long patience;
  private final Set<Turn> running = new LinkedHashSet<>();

  /** The waiting turns by repository; both are in the order of arrival. */
  private final Map<String, Line> waiting = new LinkedHashMap<>();

  private long turnsGiven;

  /**
   * @param fills the number of downloads that run at a time
   * @param most the maximum number of running downloads if followers would wait too long, at least
   *     {@code fills}
   */
  FairTurns(int fills, int most, Duration patience) {
    this.fills = fills;
    this.most = most;
    this.patience = patience.toNanos();
  }

  /** One download's place in the queue, or its slot. */
  static final class Turn {
    private final String repository;
    private final BooleanSupplier isFollowed;

    /**
     * Bytes received up to a time. The first mark is {@link #SLOW_OVER} or more ago, or from the
     * start of the run.
     */
    private final List<Mark> marks = new ArrayList<>();

    private State state = State.WAITING;
    private long since;
    private long number;
    private long bytes;
    private boolean wasSlow;

    /**
     * @param isFollowed whether a follower waits for the download's bytes; called under the lock
     */
    Turn(String repository, BooleanSupplier isFollowed) {
      this.repository = repository;
      this.isFollowed = isFollowed;
    }

    boolean isRunning() {
      return state == State.RUNNING;
    }

    private boolean isWaitingFor(long time, long now) {
      return now - since >= time;
    }

    /**
     * Returns the bytes per second over the measured time, or since the start of the run if that is
     * shorter.
     */
    private double pace(long now) {
      Mark first = first(now);
      return (bytes - first.bytes) * SECOND / Math.max(1, now - first.at);
    }

    private boolean isSlow(long now) {
      return now - first(now).at >= SLOW_OVER.toNanos() && pace(now) < SLOW_BYTES_PER_SECOND;
    }

    private Mark first(long now) {
      while (marks.size() > 1 && now - marks.get(1).at >= SLOW_OVER.toNanos()) {
        marks.removeFirst();
      }
      return marks.getFirst();
    }
  }

  private enum State {
    WAITING,
    RUNNING,
    GONE
  }

  private record Mark(long at, long bytes) {}

  /** The waiting turns of one repository. */
  private static final class Line {
    private final Deque<Turn> turns = new ArrayDeque<>();

    /** The number of the repository's latest known turn; 0 for none. */
    private long last;
  }

  /**
   * The steps that follow from a decision.
   *
   * @param begin the downloads that get a slot now
   * @param pause the downloads that lost their slot, and wait again
   */
  record Decision(List<Turn> begin, List<Turn> pause) {}

  /** Puts a turn at the end of its repository's queue. */
  void enter(Turn turn, long now) {
    turn.state = State.WAITING;
    turn.since = now;
    waiting.computeIfAbsent(turn.repository, this::line).turns.add(turn);
  }

  private Line line(String repository) {
    var line = new Line();
    line.last =
        running.stream()
            .filter(turn -> turn.repository.equals(repository))
            .mapToLong(turn -> turn.number)
            .max()
            .orElse(0);
    return line;
  }

  /** Ends a turn, whatever its state. */
  void leave(Turn turn) {
    if (!running.remove(turn)) {
      unqueue(turn);
    }
    turn.state = State.GONE;
  }

  /** Records received bytes. */
  void moved(Turn turn, long count, long now) {
    turn.bytes += count;
    if (turn.isRunning() && now - turn.marks.getLast().at >= BETWEEN_MARKS) {
      turn.first(now);
      turn.marks.add(new Mark(now, turn.bytes));
    }
  }

  int waiting() {
    return waiting.values().stream().mapToInt(line -> line.turns.size()).sum();
  }

  int running() {
    return running.size();
  }

  /**
   * Decides which downloads run now. Must be called whenever something has changed, or time has
   * passed.
   */
  Decision decide(long now) {
    var begin = new ArrayList<Turn>();
    var pause = new ArrayList<Turn>();
    while (true) {
      Optional<Turn> next = followed(turn -> true).or(this::unfollowed);
      if (next.isEmpty()) {
        break;
      }
      boolean isFollowed = next.get().isFollowed.getAsBoolean();
      if (running.size() < most && counting(now) < fills) {
        begin.add(begun(next.get(), now));
        continue;
      }
      Optional<Turn> idle = isFollowed ? unfollowedRunning() : Optional.empty();
      if (idle.isPresent()) {
        pause.add(paused(idle.get(), now));
        begin.add(begun(next.get(), now));
        continue;
      }
      boolean isFull = running.size() >= most;
      Optional<Turn> impatient =
          followed(turn -> turn.isWaitingFor(patience, now) && !(isFull && turn.wasSlow));
      Optional<Turn> slowest = isFull ? slowest(now) : Optional.empty();
      if (impatient.isEmpty() || (isFull && slowest.isEmpty())) {
        break;
      }
      if (isFull) {
        slowest.get().wasSlow = true;
        pause.add(paused(slowest.get(), now));
      }
      begin.add(begun(impatient.get(), now));
    }
    begin.removeIf(turn -> !turn.isRunning());
    return new Decision(begin, pause);
  }

  /** Returns the number of running downloads that are not slow. */
  private long counting(long now) {
    return running.stream().filter(turn -> !turn.isSlow(now)).count();
  }

  /**
   * Returns the slowest of the downloads that have run long enough to show their rate, if it is
   * slow.
   */
  private Optional<Turn> slowest(long now) {
    return running.stream()
        .filter(turn -> turn.isWaitingFor(patience, now))
        .filter(turn -> turn.pace(now) < SLOW_BYTES_PER_SECOND)
        .min(Comparator.comparingDouble(turn -> turn.pace(now)));
  }

  private Optional<Turn> unfollowedRunning() {
    return running.stream().filter(turn -> !turn.isFollowed.getAsBoolean()).findFirst();
  }

  /** Returns the next turn in order that has a follower and matches {@code wanted}. */
  private Optional<Turn> followed(Predicate<Turn> wanted) {
    return next(turn -> turn.isFollowed.getAsBoolean() && wanted.test(turn));
  }

  private Optional<Turn> unfollowed() {
    return next(turn -> true);
  }

  /** Returns the first matching turn of the repository whose latest turn is longest ago. */
  private Optional<Turn> next(Predicate<Turn> wanted) {
    Optional<Turn> found = Optional.empty();
    long least = Long.MAX_VALUE;
    for (Line line : waiting.values()) {
      Optional<Turn> first =
          line.last < least ? line.turns.stream().filter(wanted).findFirst() : Optional.empty();
      if (first.isPresent()) {
        found = first;
        least = line.last;
      }
    }
    return found;
  }

  /** Moves a turn from its queue to the running ones. */
  private Turn begun(Turn turn, long now) {
    unqueue(turn);
    turn.number = ++turnsGiven;
    Line line = waiting.get(turn.repository);
    if (line != null) {
      line.last = turn.number;
    }
    turn.state = State.RUNNING;
    turn.since = now;
    turn.marks.clear();
    turn.marks.add(new Mark(now, turn.bytes));
    running.add(turn);
    return turn;
  }

  private Turn paused(Turn turn, long now) {
    running.remove(turn);
    enter(turn, now);
    return turn;
  }

  private void unqueue(Turn turn) {
    Line line = waiting.get(turn.repository);
    if (line != null && line.turns.remove(turn) && line.turns.isEmpty()) {
      waiting.remove(turn.repository);
    }
  }
}
