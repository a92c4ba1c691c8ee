package dev.cistern.storage;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The latest changes of objects, in the order of their revisions, for watchers. At most {@link
 * #MOST_EVENTS} events with {@link #MOST_BYTES} bytes together are kept, and none over a restart.
 * To watch from an older revision, a watcher lists the objects first. Safe for all threads; a slow
 * watcher delays no other thread.
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
   * @param revision revision of the last change before the first event
   */
  ObjectFeed(long revision) {
    this.complete = revision;
  }

  /** A position in the feed. Used by one thread, except {@link #close}. */
  public final class Cursor implements AutoCloseable {
    private long seen;
    private boolean isOver;

    private Cursor(long seen) {
      this.seen = seen;
    }

    /**
     * Waits for events after those that it has returned.
     *
     * @return some of these events in order; none after {@code atMost}, or if the cursor or the
     *     feed has ended
     * @throws TooOldException if events that it has not returned were dropped
     */
    public List<ObjectEvent> next(Duration atMost) throws InterruptedException, TooOldException {
      return next(atMost, MOST_AT_ONCE);
    }

    /**
     * Waits for events after those that it has returned.
     *
     * @param mostBytes total size in bytes at which the returned list ends; its last event may
     *     exceed it
     * @return some of these events in order; none after {@code atMost}, or if the cursor or the
     *     feed has ended
     * @throws TooOldException if events that it has not returned were dropped
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

    /** Returns the first events, at least one, until {@code mostBytes} is reached. */
    private static List<ObjectEvent> firstOf(List<ObjectEvent> unseen, long mostBytes) {
      long left = mostBytes;
      int count = 0;
      while (count < unseen.size() && left > 0) {
        left -= size(unseen.get(count));
        count++;
      }
      return List.copyOf(unseen.subList(0, count));
    }

    /**
     * Moves the cursor back to before an event that it has returned, so that it returns the event
     * again.
     */
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

    /**
     * Returns whether the cursor was closed or the feed has ended, so that it returns no further
     * events.
     */
    public boolean isOver() {
      lock.lock();
      try {
        return isOver || isClosed;
      } finally {
        lock.unlock();
      }
    }

    /** Closes the cursor and ends a wait for events. */
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

  /** Thrown when events between the requested revision and the oldest kept event were dropped. */
  public static final class TooOldException extends Exception {
    private static final long serialVersionUID = 1;

    private TooOldException(long asked, long complete) {
      super("too old resource version: " + asked + " (" + complete + ")");
    }
  }

  /**
   * Returns a cursor after the change with the given revision.
   *
   * @throws TooOldException if events after that revision were dropped
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

  /** Adds a change that is durable. Called in the order of revisions. */
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

  /** Ends all cursors, including those that are created later. */
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
