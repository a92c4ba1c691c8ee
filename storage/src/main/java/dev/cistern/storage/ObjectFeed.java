package dev.cistern.storage;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The latest changes of objects, in the order of their revisions, for those who follow them. At
 * most {@link #MOST_EVENTS} of {@link #MOST_BYTES} are kept, none over a restart: who wants to
 * follow from an older one lists first. Safe for all threads; a follower that is slow keeps nobody
 * waiting.
 */
public final class ObjectFeed {
  private static final long MOST_BYTES = 32L << 20;
  private static final int MOST_EVENTS = 20_000;
  private static final long MOST_AT_ONCE = 1 << 20;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<ObjectEvent> events = new ArrayDeque<>();
  private long bytes;

  /** The revision after which all events are kept. */
  private long complete;

  private boolean isClosed;

  /**
   * @param revision of the last change before the first event
   */
  ObjectFeed(long revision) {
    this.complete = revision;
  }

  /** A place in the feed. Used by one thread, but for {@link #close}. */
  public final class Cursor implements AutoCloseable {
    private long seen;
    private boolean isOver;

    private Cursor(long seen) {
      this.seen = seen;
    }

    /**
     * Waits for events that come after those it has returned.
     *
     * @return some of them in order; none after {@code atMost}, or when it is over
     * @throws TooOldException if events were dropped that it has not returned
     */
    public List<ObjectEvent> next(Duration atMost) throws InterruptedException, TooOldException {
      return next(atMost, MOST_AT_ONCE);
    }

    /**
     * Waits for events that come after those it has returned.
     *
     * @param mostBytes how long they are together, at most or a little more
     * @return some of them in order; none after {@code atMost}, or when it is over
     * @throws TooOldException if events were dropped that it has not returned
     */
    public List<ObjectEvent> next(Duration atMost, long mostBytes)
        throws InterruptedException, TooOldException {
      lock.lockInterruptibly();
      try {
        long left = atMost.toNanos();
        while (isEmpty() && !isOver() && left > 0) {
          left = changed.awaitNanos(left);
        }
        if (seen < complete) {
          throw new TooOldException(seen, complete);
        }
        List<ObjectEvent> next = firstOf(unseen(), mostBytes);
        seen = next.isEmpty() ? seen : next.getLast().revision();
        return next;
      } finally {
        lock.unlock();
      }
    }

    private List<ObjectEvent> unseen() {
      var unseen = new ArrayList<ObjectEvent>();
      Iterator<ObjectEvent> latest = events.descendingIterator();
      while (latest.hasNext()) {
        ObjectEvent event = latest.next();
        if (event.revision() <= seen) {
          break;
        }
        unseen.add(event);
      }
      return unseen.reversed();
    }

    /** Returns the first of them, at least one, as many as one can have at once. */
    private static List<ObjectEvent> firstOf(List<ObjectEvent> unseen, long mostBytes) {
      long left = mostBytes;
      int count = 0;
      while (count < unseen.size() && left > 0) {
        left -= size(unseen.get(count));
        count++;
      }
      return List.copyOf(unseen.subList(0, count));
    }

    /** Goes back to before an event that it has returned, to return it again. */
    public void back(ObjectEvent event) {
      lock.lock();
      try {
        seen = event.revision() - 1;
      } finally {
        lock.unlock();
      }
    }

    private boolean isEmpty() {
      return events.isEmpty() || events.getLast().revision() <= seen;
    }

    /** Returns whether it was closed, or the feed ended: then nothing more comes. */
    public boolean isOver() {
      lock.lock();
      try {
        return isOver || isClosed;
      } finally {
        lock.unlock();
      }
    }

    /** Ends the wait for more. */
    @Override
    public void close() {
      lock.lock();
      try {
        isOver = true;
        changed.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }

  /** Events were dropped between the revision that was asked for and the oldest that is kept. */
  public static final class TooOldException extends Exception {
    private static final long serialVersionUID = 1;

    private TooOldException(long asked, long complete) {
      super("too old resource version: " + asked + " (" + complete + ")");
    }
  }

  /**
   * Returns the place behind the change of that revision.
   *
   * @throws TooOldException if events after it were dropped
   */
  public Cursor after(long revision) throws TooOldException {
    lock.lock();
    try {
      if (revision < complete) {
        throw new TooOldException(revision, complete);
      }
      return new Cursor(revision);
    } finally {
      lock.unlock();
    }
  }

  /** Adds what was made durable. Called in the order of revisions. */
  void add(ObjectEvent event) {
    lock.lock();
    try {
      events.add(event);
      bytes += size(event);
      while (bytes > MOST_BYTES || events.size() > MOST_EVENTS) {
        ObjectEvent dropped = events.remove();
        bytes -= size(dropped);
        complete = dropped.revision();
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private static long size(ObjectEvent event) {
    return 2L
        * (event.before().map(String::length).orElse(0)
            + event.after().map(String::length).orElse(0));
  }

  /** Ends all cursors, those that are still to come too. */
  public void end() {
    lock.lock();
    try {
      isClosed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
