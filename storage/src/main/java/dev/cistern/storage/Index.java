package dev.cistern.storage;

import static java.util.Objects.requireNonNull;

import dev.cistern.base.Guarded;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.StampedLock;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.Status;
import org.rocksdb.WriteBatchWithIndex;
import org.rocksdb.WriteOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The facts, in RocksDB.
 *
 * <p>Reads run on the caller's thread and take microseconds. All writes go through one thread of
 * this class: a {@link Change} reads, decides and writes with no other change between, so that what
 * is decided ("unless a pushed tag is there") still holds when it is written. Changes that wait at
 * the same time become one batch and one sync of the log, which is why many pushes at once cost
 * little more than one. A change that throws leaves no trace, and its neighbours in the batch are
 * not affected.
 *
 * <p>Each group leaves its sequence number in the {@link SequenceMark} before it is acknowledged.
 */
final class Index implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Index.class);

  /** When a write is acknowledged. */
  enum Durability {
    /** When it survives a power cut. */
    SYNCED,
    /** When all readers see it; it survives a kill of the process. */
    VISIBLE
  }

  /** Reads, decides, writes. Runs on the writer's thread and must not block. */
  interface Change<T> {
    T apply(Batch batch) throws RocksDBException;
  }

  /** What is done with one entry of a scan; returns false to end it. */
  interface Visitor {
    boolean visit(byte[] key, byte[] value);
  }

  /** What is done with one entry of a walk; may use the index. */
  interface Walker {
    void visit(byte[] key, byte[] value) throws IOException;
  }

  /** A key and its value. */
  record Entry(byte[] key, byte[] value) {}

  private static final int MOST_CHANGES_A_BATCH = 512;
  private static final int MOST_A_PAGE = 1_000;
  private static final int MOST_BYTES_A_PAGE = 1 << 20;

  private final IndexFiles files;
  private final RocksDB db;
  private @Nullable SequenceMark mark;
  private final ReadOptions read = new ReadOptions();
  private final BlockingQueue<Pending<?>> queue = new LinkedBlockingQueue<>();
  private final Thread writer;

  /** Held for reading while the database is used, for writing when it is closed. */
  private final StampedLock use = new StampedLock();

  private boolean isClosed;

  /** Whether the last try to note the end of the log failed; of the writer's thread. */
  private boolean isMarkFailing;

  private final AtomicLong changes = new AtomicLong();

  private Index(IndexFiles files, RocksDB db) {
    this.files = files;
    this.db = db;
    this.writer = Thread.ofPlatform().name("index-writer").unstarted(this::writeAll);
  }

  /**
   * Opens the index in a directory; a new one if it has no file. It can be read, and is written
   * after {@link #start}.
   *
   * @throws StoreRefusedException if it is damaged, or its log ends before the last change that was
   *     acknowledged; nothing was changed
   */
  static Index openUnstarted(Path directory) throws IOException {
    var files = new IndexFiles(directory);
    try {
      return new Index(files, files.open());
    } catch (IOException | RuntimeException e) {
      files.close();
      throw e;
    }
  }

  /** Same as {@link #openUnstarted}, and starts it. */
  static Index open(Path directory) throws IOException {
    Index index = openUnstarted(directory);
    try {
      index.start();
      return index;
    } catch (IOException | RuntimeException e) {
      index.close();
      throw e;
    }
  }

  /** Opens the index in a directory up to the last good record of its log; it is not started. */
  static Repaired repair(Path directory) throws IOException {
    var files = new IndexFiles(directory);
    try {
      IndexFiles.Repaired repaired = files.repair();
      return new Repaired(
          new Index(files, repaired.database()), repaired.lostChanges(), repaired.unreadBytes());
    } catch (IOException | RuntimeException e) {
      files.close();
      throw e;
    }
  }

  /**
   * An index that was opened although its log was damaged.
   *
   * @param lostChanges acknowledged changes after the last good record; 0 if none is known
   * @param unreadBytes of the log after that record
   */
  record Repaired(Index index, long lostChanges, long unreadBytes) {}

  /** Begins to write: from now on the end of this log is the one that the next start expects. */
  void start() throws IOException {
    mark = SequenceMark.open(files.mark(), db.getLatestSequenceNumber());
    writer.start();
  }

  /** Returns the value of {@code key}, or null. */
  byte @Nullable [] get(byte[] key) {
    long stamp = begin();
    try {
      return db.get(key);
    } catch (RocksDBException e) {
      throw new IndexException(e);
    } finally {
      use.unlockRead(stamp);
    }
  }

  /** Returns what {@link #get} does; null also where the stored value is damaged. */
  byte @Nullable [] getIntact(byte[] key) {
    try {
      return get(key);
    } catch (IndexException e) {
      if (e.isDamage()) {
        return null;
      }
      throw e;
    }
  }

  /** Says whether a key starts with {@code prefix}. */
  boolean hasAny(byte[] prefix) {
    var found = new boolean[1];
    scan(
        prefix,
        prefix,
        (key, value) -> {
          found[0] = true;
          return false;
        });
    return found[0];
  }

  /** Returns a number that moves with every batch that is written. */
  long changes() {
    return changes.get();
  }

  /**
   * Visits all entries whose keys start with {@code prefix}, in order, however many there are. They
   * are read a page at a time: in between the database is free to be closed, and the walker may
   * read and write; what is written behind it is not seen.
   */
  void walk(byte[] prefix, Walker walker) throws IOException {
    List<Entry> page = page(prefix, prefix);
    while (!page.isEmpty()) {
      for (Entry entry : page) {
        walker.visit(entry.key(), entry.value());
      }
      page = page(prefix, Keys.after(page.getLast().key()));
    }
  }

  /** Returns some entries from {@code from} on; none if there are no more. */
  List<Entry> page(byte[] prefix, byte[] from) {
    var page = new ArrayList<Entry>();
    var bytes = new int[1];
    scan(
        prefix,
        from,
        (key, value) -> {
          page.add(new Entry(key, value));
          bytes[0] += value.length;
          return page.size() < MOST_A_PAGE && bytes[0] < MOST_BYTES_A_PAGE;
        });
    return page;
  }

  /**
   * Visits the entries whose keys start with {@code prefix}, in order, from {@code from} on. The
   * visitor must not use the index, which cannot be closed meanwhile.
   */
  void scan(byte[] prefix, byte[] from, Visitor visitor) {
    long stamp = begin();
    try (RocksIterator entries = db.newIterator(read)) {
      visit(entries, prefix, from, visitor);
    } catch (RocksDBException e) {
      throw new IndexException(e);
    } finally {
      use.unlockRead(stamp);
    }
  }

  /**
   * Makes a change and waits until it is acknowledged.
   *
   * @throws StoreFullException if the disk has no room; RocksDB then refuses all changes until it
   *     has seen that there is room again, for which it looks every few seconds
   */
  <T> T write(Durability durability, Change<T> change) throws IOException {
    var pending = new Pending<>(durability, change, new CompletableFuture<T>());
    long stamp = begin();
    queue.add(pending);
    use.unlockRead(stamp);
    try {
      return pending.done.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      if (e.getCause() instanceof RocksDBException cause && isNoSpace(cause)) {
        throw new StoreFullException("the disk is full: the index cannot be written");
      }
      throw new IOException("the index could not be written: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while writing the index", e);
    }
  }

  /** Begins a trial. */
  Trial trial() {
    return new Trial();
  }

  /** Ends the writer after what is queued, and closes the database. Later uses throw. */
  @Override
  public void close() {
    long stamp = use.writeLock();
    boolean wasClosed = isClosed;
    isClosed = true;
    use.unlockWrite(stamp);
    if (wasClosed) {
      return;
    }
    queue.add(Pending.END);
    try {
      writer.join(); // at once if it was not started
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    read.close();
    db.close();
    files.close();
    if (mark != null) {
      mark.close();
    }
  }

  private static boolean isNoSpace(RocksDBException e) {
    Status status = e.getStatus();
    return status != null && status.getSubCode() == Status.SubCode.NoSpace;
  }

  /** Begins a use of the database, which is native: used after its end it would take us with it. */
  private long begin() {
    long stamp = use.readLock();
    if (isClosed) {
      use.unlockRead(stamp);
      throw new IndexException("it is closed, the server is stopping");
    }
    return stamp;
  }

  private static void visit(RocksIterator entries, byte[] prefix, byte[] from, Visitor visitor)
      throws RocksDBException {
    for (entries.seek(from); entries.isValid(); entries.next()) {
      byte[] key = entries.key();
      if (!startsWith(key, prefix) || !visitor.visit(key, entries.value())) {
        break;
      }
    }
    entries.status();
  }

  private static boolean startsWith(byte[] key, byte[] prefix) {
    return key.length >= prefix.length
        && Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length);
  }

  private void writeAll() {
    try (var plain = new WriteOptions();
        var synced = new WriteOptions().setSync(true)) {
      var waiting = new ArrayList<Pending<?>>();
      boolean open = true;
      while (open) {
        waiting.clear();
        waiting.add(queue.take());
        queue.drainTo(waiting, MOST_CHANGES_A_BATCH - 1);
        open = !waiting.remove(Pending.END);
        writeTogether(waiting, plain, synced);
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nobody interrupts the index writer", e);
    }
  }

  private void writeTogether(List<Pending<?>> waiting, WriteOptions plain, WriteOptions synced) {
    boolean sync = waiting.stream().anyMatch(p -> p.durability == Durability.SYNCED);
    try (var together = new WriteBatchWithIndex(true)) {
      var batch = new Batch(together);
      for (Pending<?> pending : waiting) {
        pending.apply(batch);
      }
      if (together.count() > 0) {
        db.write(sync ? synced : plain, together);
        note(sync);
        changes.incrementAndGet();
      }
      batch.afterwards.forEach(action -> Guarded.run("what follows a change of the index", action));
    } catch (RocksDBException | RuntimeException | Error e) {
      waiting.forEach(pending -> pending.done.completeExceptionally(e)); // and the next ones go on
    }
    waiting.forEach(Pending::acknowledge);
  }

  /** Notes how far the log reaches. The changes are in the log, so a failure is not theirs. */
  private void note(boolean isSynced) {
    try {
      requireNonNull(mark).reached(db.getLatestSequenceNumber(), isSynced);
      isMarkFailing = false;
    } catch (IOException e) {
      if (!isMarkFailing) {
        LOG.atError().addKeyValue("file", files.mark()).setCause(e).log("log end not noted");
      }
      isMarkFailing = true;
    }
  }

  /** A change that waits for its batch, and those who wait for it. */
  private static final class Pending<T> {
    static final Pending<Boolean> END =
        new Pending<>(Durability.VISIBLE, batch -> true, new CompletableFuture<>());

    private final Durability durability;
    private final Change<T> change;
    private final CompletableFuture<T> done;
    private @Nullable T result;

    Pending(Durability durability, Change<T> change, CompletableFuture<T> done) {
      this.durability = durability;
      this.change = change;
      this.done = done;
    }

    void apply(Batch batch) throws RocksDBException {
      int afterwards = batch.afterwards.size();
      batch.entries.setSavePoint();
      try {
        result = change.apply(batch);
        batch.entries.popSavePoint();
      } catch (RocksDBException | RuntimeException | Error e) {
        batch.entries.rollbackToSavePoint();
        batch.afterwards.subList(afterwards, batch.afterwards.size()).clear();
        done.completeExceptionally(e);
      }
    }

    @SuppressWarnings("NullAway") // a change returns what its type says, null included
    void acknowledge() {
      done.complete(result);
    }
  }

  /**
   * Changes that are never written: those that follow in the trial see them, and nobody else. Runs
   * on the caller's thread, beside the writer.
   */
  final class Trial implements AutoCloseable {
    private final WriteBatchWithIndex entries = new WriteBatchWithIndex(true);

    private Trial() {}

    <T> T apply(Change<T> change) throws IOException {
      long stamp = begin();
      try {
        return change.apply(new Batch(entries));
      } catch (RocksDBException e) {
        throw new IOException("the index could not be read: " + e, e);
      } finally {
        use.unlockRead(stamp);
      }
    }

    @Override
    public void close() {
      entries.close();
    }
  }

  /** What a change reads and writes: the database with this batch's changes over it. */
  final class Batch {
    private final WriteBatchWithIndex entries;
    private final List<Runnable> afterwards = new ArrayList<>();

    private Batch(WriteBatchWithIndex entries) {
      this.entries = entries;
    }

    byte @Nullable [] get(byte[] key) throws RocksDBException {
      return entries.getFromBatchAndDB(db, read, key);
    }

    /** Returns what {@link #get} does; null also where the stored value is damaged. */
    byte @Nullable [] getIntact(byte[] key) throws RocksDBException {
      try {
        return get(key);
      } catch (RocksDBException e) {
        if (IndexException.isDamage(e)) {
          return null;
        }
        throw e;
      }
    }

    void put(byte[] key, byte[] value) throws RocksDBException {
      entries.put(key, value);
    }

    void delete(byte[] key) throws RocksDBException {
      entries.delete(key);
    }

    /**
     * Has something done when the change is written, before it is acknowledged, in the order of
     * changes. It must neither block nor throw.
     */
    void afterwards(Runnable action) {
      afterwards.add(action);
    }

    /** Says whether a key starts with {@code prefix}. */
    boolean hasAny(byte[] prefix) throws RocksDBException {
      var found = new boolean[1];
      scan(
          prefix,
          (key, value) -> {
            found[0] = true;
            return false;
          });
      return found[0];
    }

    /** Visits the entries whose keys start with {@code prefix}, in order. */
    void scan(byte[] prefix, Visitor visitor) throws RocksDBException {
      try (RocksIterator merged = entries.newIteratorWithBase(db.newIterator(read), read)) {
        visit(merged, prefix, prefix, visitor);
      }
    }
  }
}
