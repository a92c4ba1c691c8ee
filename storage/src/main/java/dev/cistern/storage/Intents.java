package dev.cistern.storage;

import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.rocksdb.WriteBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Changes of more keys than the writer of the index takes at a time. What such a change writes is
 * staged first, page by page, where no read looks; one small change commits the intent; then pages
 * bring what is staged to its place. From the commit on readers see the change whole: what is
 * staged lies over what is in place ({@link Index#get}, {@link Index#scan}). A change that needs a
 * key that is still staged waits until all are in place.
 *
 * <p>After a kill {@link #recover} drops what is staged without a commit, and brings the rest to
 * its place.
 *
 * <p>Safe for all threads. {@code turn} is held from a commit until all is in place, so that one
 * intent at a time is committed and not done. {@code active} is that one; it is written on the
 * thread of the index, and read by all.
 */
final class Intents {
  private static final Logger LOG = LoggerFactory.getLogger(Intents.class);

  /** How many keys one change stages, brings to their place, or drops. */
  static final int MAX_KEYS_PER_PAGE = 500;

  static final long NONE = 0;
  private static final byte PUT = 1;
  private static final byte DELETE = 0;

  private final Index index;
  private final AtomicLong last = new AtomicLong();
  private final ReentrantLock turn = new ReentrantLock();
  private volatile long active = NONE;

  /** Intents whose change was refused and whose mark may be in the log. */
  private final Set<Long> uncommitted = ConcurrentHashMap.newKeySet();

  /** Runs after each page; for tests that look at the store as a kill at this instant leaves it. */
  private volatile Runnable afterPage = () -> {};

  Intents(Index index) {
    this.index = index;
  }

  /** A step of an intent with one key: a new value, or null to delete the key. */
  record Step(byte[] key, byte @Nullable [] value) {
    private byte[] encoded() {
      if (value == null) {
        return new byte[] {DELETE};
      }
      byte[] encoded = new byte[value.length + 1];
      encoded[0] = PUT;
      System.arraycopy(value, 0, encoded, 1, value.length);
      return encoded;
    }
  }

  /** Thrown in a change that needs a key of an intent that is committed and not yet in place. */
  static final class BusyException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BusyException() {
      super(
          "a key is part of a large change that is being brought to its place", null, false, false);
    }
  }

  void afterPage(Runnable action) {
    afterPage = action;
  }

  /** Returns the number of a new intent. */
  long begin() {
    return last.incrementAndGet();
  }

  /** Stages steps of an intent, in one change. */
  void stage(long id, List<Step> steps) throws IOException {
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          for (Step step : steps) {
            batch.entries.put(Keys.staged(id, step.key()), step.encoded());
          }
          return true;
        });
    afterPage.run();
  }

  /**
   * Drops what an intent staged, unless it is committed. The mark goes first: a commit that failed
   * may have left it in the log. If it cannot be removed now, {@link #dropMarks} does it.
   */
  void drop(long id) throws IOException {
    uncommitted.add(id);
    boolean isCommitted =
        index.write(
            Index.Durability.VISIBLE,
            batch -> {
              if (active == id || batch.isCommitting(id)) {
                return true;
              }
              batch.entries.delete(Keys.intent(id));
              return false;
            });
    uncommitted.remove(id);
    if (!isCommitted) {
      eachPage(id, (batch, step) -> {});
    }
  }

  /**
   * Removes the marks that {@link #drop} could not remove, before the index is written again: the
   * next start would complete these changes, over what was written since. On the writer's thread.
   */
  void dropMarks(WriteBatch batch) throws RocksDBException {
    for (long id : uncommitted) {
      if (id != active) {
        batch.delete(Keys.intent(id));
      }
    }
  }

  /** An action with a step before it is no longer staged. */
  private interface Settling {
    void settle(Index.Batch batch, Step step) throws RocksDBException;
  }

  private void eachPage(long id, Settling settling) throws IOException {
    byte[] prefix = Keys.intent(id);
    for (List<Index.Entry> page = page(prefix, prefix);
        !page.isEmpty();
        page = page(prefix, page.getLast().key())) {
      List<Index.Entry> entries = page;
      index.write(
          Index.Durability.VISIBLE,
          batch -> {
            for (Index.Entry entry : entries) {
              settling.settle(batch, step(Keys.stagedOf(entry.key()), entry.value()));
              batch.entries.delete(entry.key());
            }
            return true;
          });
      afterPage.run();
    }
  }

  private List<Index.Entry> page(byte[] prefix, byte[] after) {
    List<Index.Entry> page = index.stored(prefix, Keys.after(after));
    return page.subList(0, Math.min(page.size(), MAX_KEYS_PER_PAGE));
  }

  /** A change that may commit an intent. */
  interface Commit<T> {
    T run() throws IOException;
  }

  /** Commits an intent, when no other is committed and not in place, and brings it to its place. */
  <T> T commit(Commit<T> commit) throws IOException {
    turn.lock();
    try {
      settleActive();
      T result = commit.run();
      afterPage.run();
      settleActive();
      return result;
    } finally {
      turn.unlock();
    }
  }

  /**
   * Marks an intent as committed, in the change that commits it. Decisions that are being made may
   * have read what it changes, so they are made again.
   */
  void mark(Index.Batch batch, long id) throws RocksDBException {
    batch.entries.put(Keys.intent(id), new byte[0]);
    batch.commits(id);
    batch.afterwards(() -> active = id);
  }

  /** Returns when no intent is committed that is not in place; brings it there if need be. */
  void settle() throws IOException {
    turn.lock();
    try {
      settleActive();
    } finally {
      turn.unlock();
    }
  }

  /** Goes on with the intents that a kill interrupted; called before the index is used. */
  void recover() throws IOException {
    Set<Long> committed = new HashSet<>();
    Set<Long> all = new HashSet<>();
    byte[] family = Keys.family(Keys.INTENT);
    byte[] from = family;
    List<Index.Entry> page = index.page(family, from);
    while (!page.isEmpty()) { // one look for each intent, however much it has staged
      byte[] key = page.getFirst().key();
      long id = Keys.intentOf(key);
      all.add(id);
      if (Arrays.equals(key, Keys.intent(id))) {
        committed.add(id);
      }
      page = index.page(family, Keys.intent(id + 1));
    }
    for (long id : all) {
      if (committed.contains(id)) {
        LOG.atInfo().addKeyValue("id", id).log("interrupted large change is completed");
        active = id;
        settle();
      } else {
        drop(id);
      }
    }
  }

  private void settleActive() throws IOException {
    long id = active;
    if (id == NONE) {
      return;
    }
    eachPage(id, Index.Batch::settle);
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          batch.entries.delete(Keys.intent(id));
          batch.afterwards(() -> active = NONE);
          return true;
        });
  }

  /** Returns the intent that lies over what is in place; {@link #NONE} if there is none. */
  long over() {
    return active;
  }

  /** Returns what is staged for a key, as {@link Keys#staged} names it. */
  static Step step(byte[] key, byte[] encoded) {
    return new Step(
        key, encoded[0] == DELETE ? null : Arrays.copyOfRange(encoded, 1, encoded.length));
  }
}
