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
 * Changes with more keys than the writer of the index handles at a time. The writes of such a
 * change are first staged, page by page, under keys that no read uses. One small change then
 * commits the intent. After that, the staged steps are applied to their keys, page by page. From
 * the commit on, readers see the whole change, because a staged step takes precedence over the
 * entry that it replaces ({@link Index#get}, {@link Index#scan}). A change that needs a key that is
 * still staged waits until all steps are applied.
 *
 * <p>After a kill, {@link #recover} drops the staged steps of uncommitted intents and applies those
 * of committed ones.
 *
 * <p>Safe for all threads. {@code turn} is held from a commit until all steps are applied, so at
 * most one committed intent is not yet applied. {@code active} is that intent. The index writer's
 * thread and {@link #recover} write it, and all threads read it.
 */
final class Intents {
  private static final Logger LOG = LoggerFactory.getLogger(Intents.class);

  /** Maximum number of keys that one change stages, applies or drops. */
  static final int MAX_KEYS_PER_PAGE = 500;

  static final long NONE = 0;
  private static final byte PUT = 1;
  private static final byte DELETE = 0;

  private final Index index;
  private final AtomicLong last = new AtomicLong();
  private final ReentrantLock turn = new ReentrantLock();
  private volatile long active = NONE;

  /** Intents that are not committed, but whose mark may be in the log. */
  private final Set<Long> uncommitted = ConcurrentHashMap.newKeySet();

  /**
   * Runs after each page. Tests use it to examine the store as a kill at this moment would leave
   * it.
   */
  private volatile Runnable afterPage = () -> {};

  Intents(Index index) {
    this.index = index;
  }

  /** A step of an intent: a key and its new value, or null to delete the key. */
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

  /** Thrown by a change that needs a key of an intent that is committed and not yet applied. */
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

  /** Stages steps of an intent in one change. */
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
   * Drops the staged steps of an intent, unless it is committed. Removes the mark first, because a
   * failed commit may have left it in the log. If the mark cannot be removed now, {@link
   * #dropMarks} removes it later.
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
   * Removes the marks that {@link #drop} could not remove, before the index is written again.
   * Otherwise the next start would complete these changes and overwrite later ones. Runs on the
   * index writer's thread.
   */
  void dropMarks(WriteBatch batch) throws RocksDBException {
    for (long id : uncommitted) {
      if (id != active) {
        batch.delete(Keys.intent(id));
      }
    }
  }

  /** An action on a step, run before the step is removed from the staged ones. */
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

  /**
   * Runs a commit and applies the intent that it committed, if any. If an earlier committed intent
   * is not yet applied, first applies it or waits for it.
   */
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
   * Marks an intent as committed, in the change that commits it. Decisions in progress may have
   * read keys that the intent changes, so they are made again.
   */
  void mark(Index.Batch batch, long id) throws RocksDBException {
    batch.entries.put(Keys.intent(id), new byte[0]);
    batch.commits(id);
    batch.afterwards(() -> active = id);
  }

  /**
   * Applies the committed intent that is not yet applied, if there is one, or waits until another
   * thread has applied it.
   */
  void settle() throws IOException {
    turn.lock();
    try {
      settleActive();
    } finally {
      turn.unlock();
    }
  }

  /** Completes or drops the intents that a kill interrupted. Called before the index is used. */
  void recover() throws IOException {
    Set<Long> committed = new HashSet<>();
    Set<Long> all = new HashSet<>();
    byte[] family = Keys.family(Keys.INTENT);
    byte[] from = family;
    List<Index.Entry> page = index.page(family, from);
    while (!page.isEmpty()) { // one page for each intent, however much it has staged
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

  /** Returns the committed intent that is not yet applied; {@link #NONE} if there is none. */
  long over() {
    return active;
  }

  /** Decodes the staged step for a key; see {@link Keys#staged}. */
  static Step step(byte[] key, byte[] encoded) {
    return new Step(
        key, encoded[0] == DELETE ? null : Arrays.copyOfRange(encoded, 1, encoded.length));
  }
}
