package dev.cistern.storage;

import static java.util.Objects.requireNonNull;

import dev.cistern.base.Guarded;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.StampedLock;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.rocksdb.ReadOptions;
import org.rocksdb.RocksDB;
import org.rocksdb.RocksDBException;
import org.rocksdb.RocksIterator;
import org.rocksdb.WriteBatch;
import org.rocksdb.WriteBatchWithIndex;
import org.rocksdb.WriteOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The facts, stored in RocksDB.
 *
 * <p>Reads run on the caller's thread and take microseconds. All writes go through one thread of
 * this class. A {@link Change} reads, decides and writes with no other change in between, so its
 * decision ("unless a pushed tag exists") still holds when it is written. Changes that wait at the
 * same time become one batch with one sync of the log, so many concurrent pushes cost little more
 * than one. A change that throws leaves no trace, and does not affect the other changes of its
 * batch.
 *
 * <p>Each batch writes its sequence number to the {@link SequenceMark} before it is acknowledged.
 */
final class Index implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Index.class);

  /** The point at which a write is acknowledged. */
  enum Durability {
    /** The write survives a power cut. */
    SYNCED,
    /** All readers see the write; it survives a kill of the process. */
    VISIBLE
  }

  /**
   * A change of the index: reads, decides and writes. Must not block. Runs on the writer's thread,
   * and for {@link #decide} also on the caller's thread.
   */
  interface Change<T> {
    T apply(Batch batch) throws RocksDBException;
  }

  /** A callback for one entry of a scan. Returns false to end the scan. */
  interface Visitor {
    boolean visit(byte[] key, byte[] value);
  }

  /** A callback for one entry of a walk. May use the index. */
  interface Walker {
    void visit(byte[] key, byte[] value) throws IOException;
  }

  record Entry(byte[] key, byte[] value) {}

  private static final int MOST_CHANGES_A_BATCH = 512;
  private static final int MAX_DECISIONS = 16;

  /**
   * How often a small change is decided again on the caller's thread before it runs on the writer's
   * thread.
   */
  private static final int MAX_SMALL_DECISIONS = 4;

  /**
   * Maximum number of keys read and written by a change of {@link #decide} that runs on the
   * writer's thread.
   */
  private static final int MAX_KEYS_IN_TURN = 1_000;

  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);
  private static final long IDLE_SECONDS = 1;
  private static final int MOST_A_PAGE = 1_000;
  private static final int MOST_BYTES_A_PAGE = 1 << 20;

  private final IndexFiles files;
  private final IndexHealth health = new IndexHealth(System::nanoTime);
  private @Nullable SequenceMark mark;
  private final ReadOptions read = new ReadOptions();
  private final BlockingQueue<Pending<?>> queue = new LinkedBlockingQueue<>();
  private final Thread writer;

  /** Held for reading while the database is used, for writing while it is closed or reopened. */
  private final StampedLock use = new StampedLock();

  private boolean isClosed;

  /** Replaced when the database is reopened after an error; guarded by use. */
  private RocksDB db;

  /** False after a failed attempt to reopen the database; guarded by use. */
  private boolean isOpen = true;

  /**
   * True if the last attempt to record the end of the log failed; used by the writer's thread only.
   */
  private boolean isMarkFailing;

  /** Number of background errors seen so far; used by the writer's thread only. */
  private long backgroundErrors;

  private final AtomicLong changes = new AtomicLong();
  private final WriteTimes times = new WriteTimes();
  private final Intents intents = new Intents(this);

  /** The decisions in progress. The writer checks whether it changes keys that they have read. */
  private final Set<Attempt> attempts = ConcurrentHashMap.newKeySet();

  private Index(IndexFiles files, RocksDB db) {
    this.files = files;
    this.db = db;
    this.writer = Thread.ofPlatform().name("index-writer").unstarted(this::writeAll);
  }

  /**
   * Opens the index in a directory, or creates it if the directory has no file. The index can be
   * read at once, and written after {@link #start}.
   *
   * @throws StoreRefusedException if the index is damaged, or its log ends before the last
   *     acknowledged change; nothing was changed
   */
  static Index openUnstarted(Path directory) throws IOException {
    var files = new IndexFiles(directory);
    try {
      return new Index(files, files.open(true));
    } catch (IOException | RuntimeException e) {
      files.close();
      throw e;
    }
  }

  /** Opens the index like {@link #openUnstarted}, and starts it. */
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

  /** Opens the index in a directory up to the last intact record of its log. Does not start it. */
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
   * @param lostChanges number of acknowledged changes after the last intact record; 0 if none is
   *     known
   * @param unreadBytes bytes of the log after that record
   */
  record Repaired(Index index, long lostChanges, long unreadBytes) {}

  /**
   * Starts the writer, and completes a large change that a kill interrupted. From now on, the next
   * start requires the log to reach at least its current end.
   */
  void start() throws IOException {
    mark = SequenceMark.open(files.mark(), db.getLatestSequenceNumber());
    writer.start();
    intents.recover();
  }

  /** Returns the value of {@code key}, or null if there is none. */
  byte @Nullable [] get(byte[] key) {
    long stamp = begin();
    try {
      long over = intents.over();
      byte[] staged = over == Intents.NONE ? null : db.get(Keys.staged(over, key));
      return staged == null ? db.get(key) : Intents.step(key, staged).value();
    } catch (RocksDBException e) {
      throw new IndexException(e);
    } finally {
      use.unlockRead(stamp);
    }
  }

  /** Returns the same as {@link #get}, but null if the stored value is damaged. */
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

  /** Returns whether any key starts with {@code prefix}. */
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

  /** Returns a counter that changes with every written batch. */
  long changes() {
    return changes.get();
  }

  /**
   * Visits all entries whose keys start with {@code prefix}, in order, in any number. Reads one
   * page at a time. Between pages the database may be closed. The walker may read and write the
   * index. Entries that are written behind the current position are not visited.
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

  /**
   * Returns entries in order, starting at {@code from}; none if no entry is left. A page ends after
   * 1,000 entries or 1 MiB of values.
   */
  List<Entry> page(byte[] prefix, byte[] from) {
    var page = new Page();
    scan(prefix, from, page);
    return page.entries;
  }

  /** Returns the same as {@link #page}, but without the steps of a committed intent. */
  List<Entry> stored(byte[] prefix, byte[] from) {
    var page = new Page();
    long stamp = begin();
    try (RocksIterator entries = db.newIterator(read)) {
      visit(entries, prefix, from, page);
    } catch (RocksDBException e) {
      throw new IndexException(e);
    } finally {
      use.unlockRead(stamp);
    }
    return page.entries;
  }

  /** A visitor that collects the entries of one page. */
  private static final class Page implements Visitor {
    private final List<Entry> entries = new ArrayList<>();
    private int bytes;

    @Override
    public boolean visit(byte[] key, byte[] value) {
      entries.add(new Entry(key, value));
      bytes += value.length;
      return entries.size() < MOST_A_PAGE && bytes < MOST_BYTES_A_PAGE;
    }
  }

  /**
   * Visits the entries whose keys start with {@code prefix}, in order, starting at {@code from}.
   * The visitor must not use the index, which cannot be closed during the scan.
   */
  void scan(byte[] prefix, byte[] from, Visitor visitor) {
    long stamp = begin();
    try {
      while (!scanNow(prefix, from, visitor)) {
        // an intent was committed meanwhile, and may be applied to only a part of these entries
      }
    } catch (RocksDBException e) {
      throw new IndexException(e);
    } finally {
      use.unlockRead(stamp);
    }
  }

  /** Returns whether the entries were read in one consistent state. If not, none was visited. */
  private boolean scanNow(byte[] prefix, byte[] from, Visitor visitor) throws RocksDBException {
    long over = intents.over();
    // Staged steps are opened first. A step that is no longer staged by then is already applied.
    try (RocksIterator staged = over == Intents.NONE ? null : db.newIterator(read);
        RocksIterator entries = db.newIterator(read)) {
      if (over == Intents.NONE && intents.over() != Intents.NONE) {
        return false;
      }
      if (staged == null) {
        visit(entries, prefix, from, visitor);
      } else {
        visit(new Staged(staged, over), entries, prefix, from, visitor);
      }
      return true;
    }
  }

  /** The staged steps of an intent. */
  private record Staged(RocksIterator entries, long intent) {
    void seek(byte[] key) {
      entries.seek(Keys.staged(intent, key));
    }

    /** Returns the next step if its key starts with {@code prefix}, otherwise null. */
    Intents.@Nullable Step next(byte[] prefix) {
      if (!entries.isValid() || !startsWith(entries.key(), Keys.staged(intent, prefix))) {
        return null;
      }
      return Intents.step(Keys.stagedOf(entries.key()), entries.value());
    }
  }

  private static void visit(
      Staged staged, RocksIterator entries, byte[] prefix, byte[] from, Visitor visitor)
      throws RocksDBException {
    staged.seek(from);
    entries.seek(from);
    boolean isMore = true;
    while (isMore) {
      Intents.Step step = staged.next(prefix);
      byte[] key = entries.isValid() && startsWith(entries.key(), prefix) ? entries.key() : null;
      if (step == null && key == null) {
        isMore = false;
      } else if (step == null || (key != null && Arrays.compareUnsigned(key, step.key()) < 0)) {
        isMore = visitor.visit(requireNonNull(key), entries.value());
        entries.next();
      } else {
        if (key != null && Arrays.equals(key, step.key())) {
          entries.next();
        }
        isMore = step.value() == null || visitor.visit(step.key(), step.value());
        staged.entries.next();
      }
    }
    entries.status();
    staged.entries.status();
  }

  /**
   * Makes a change and waits until it is acknowledged.
   *
   * @throws StoreFullException if the disk is full; RocksDB then rejects all changes until it finds
   *     free space, for which it looks every few seconds
   * @throws StoreFailingException if the index cannot be written for another reason; see {@link
   *     IndexHealth}
   */
  <T> T write(Durability durability, Change<T> change) throws IOException {
    while (true) {
      try {
        return submit(durability, change);
      } catch (Intents.BusyException e) {
        intents.settle();
      }
    }
  }

  /** Writes a value that does not depend on stored values. */
  void put(Durability durability, byte[] key, byte[] value) throws IOException {
    write(
        durability,
        batch -> {
          batch.put(key, value);
          return true;
        });
  }

  private <T> T submit(Durability durability, Change<T> change) throws IOException {
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
      if (e.getCause() instanceof UnwritableStoreException cause) {
        throw cause;
      }
      throw unwritable(e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while writing the index", e);
    }
  }

  /**
   * Makes a change that reads or writes too much for the writer's thread. The change is decided on
   * the caller's thread and written if nothing that it read has changed meanwhile. Otherwise it is
   * decided again. Its writes become visible together. If they are more than {@link
   * Intents#MAX_KEYS_PER_PAGE} keys, they are written in pages.
   *
   * <p>The change runs once or several times, concurrently with other changes. A small change whose
   * keys change all the time finally runs on the writer's thread, where no other change interferes.
   *
   * @throws OciException with TOOMANYREQUESTS, if the keys that it read changed too often and are
   *     more than {@value #MAX_KEYS_IN_TURN}
   */
  <T> T decide(Durability durability, Change<T> change) throws IOException {
    return decide(durability, change, Optional.empty()).orElseThrow();
  }

  /**
   * Makes a change as {@link #decide(Durability, Change)} does, if a guard that runs on the
   * writer's thread permits it. The guard must use few keys.
   *
   * @param guard returns whether the change is made; if it returns false, it must not have written
   *     anything
   * @return the decision; empty if the guard rejected the change
   */
  <T> Optional<T> decide(Durability durability, Change<T> change, Change<Boolean> guard)
      throws IOException {
    return decide(durability, change, Optional.of(guard));
  }

  private <T> Optional<T> decide(
      Durability durability, Change<T> change, Optional<Change<Boolean>> guard) throws IOException {
    for (int i = 0; i < MAX_DECISIONS; i++) {
      try (var attempt = new Attempt(this)) {
        T decision = attempt.decide(change);
        if (guard.isEmpty() && attempt.isEmpty()) {
          return Optional.of(decision);
        }
        Attempt.Written written = attempt.write(durability, guard.orElse(batch -> true));
        if (written != Attempt.Written.STALE) {
          return written == Attempt.Written.DONE ? Optional.of(decision) : Optional.empty();
        }
        if (i >= MAX_SMALL_DECISIONS && attempt.keys() <= MAX_KEYS_IN_TURN) {
          return write(
              durability,
              batch ->
                  guard.isEmpty() || guard.get().apply(batch)
                      ? Optional.of(change.apply(batch))
                      : Optional.empty());
        }
      } catch (Intents.BusyException e) {
        intents.settle();
      }
    }
    throw new OciException(
            ErrorCode.TOOMANYREQUESTS, "the repository is changed by too many others", "try again")
        .withRetryAfter(RETRY_AFTER);
  }

  /** Begins to watch for changes of keys that an attempt reads. */
  void watch(Attempt attempt) {
    attempts.add(attempt);
  }

  /** Ends {@link #watch}. */
  void unwatch(Attempt attempt) {
    attempts.remove(attempt);
  }

  Intents intents() {
    return intents;
  }

  /** Returns the durations of changes. */
  WriteTimes times() {
    return times;
  }

  /** Returns the number of changes that wait for the writer. */
  int waiting() {
    return queue.size();
  }

  /** A read of an attempt or a trial, on its thread. */
  interface Reading<T extends @Nullable Object> {
    T read() throws RocksDBException;
  }

  <T extends @Nullable Object> T read(Reading<T> reading) throws RocksDBException {
    long stamp = begin();
    try {
      return reading.read();
    } finally {
      use.unlockRead(stamp);
    }
  }

  /** Begins a trial. */
  Trial trial() {
    return new Trial();
  }

  /** Ends the writer after all queued changes, and closes the database. Later calls throw. */
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
      writer.join(); // returns at once if it was not started
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    read.close();
    if (isOpen) {
      db.close();
    }
    files.close();
    if (mark != null) {
      mark.close();
    }
  }

  private static IOException unwritable(Throwable e) {
    UnwritableStoreException refusal = UnwritableStoreException.of(errorOf(e));
    refusal.initCause(e);
    return refusal;
  }

  private static StorageError errorOf(Throwable e) {
    if (e instanceof RocksDBException cause && IndexException.isDamage(cause)) {
      return StorageError.CORRUPTION;
    }
    return StorageError.of(e);
  }

  /** Returns the health of the index. */
  IndexHealth health() {
    return health;
  }

  /**
   * Throws if the index cannot be written now.
   *
   * @throws UnwritableStoreException with the error that prevents writes
   */
  void requireWritable() throws UnwritableStoreException {
    Optional<StorageError> error = health.error();
    if (error.isPresent()) {
      throw UnwritableStoreException.of(error.get());
    }
  }

  /**
   * Begins a use of the database. The database is native code, and any use after it was closed
   * would crash the process.
   */
  private long begin() {
    long stamp = use.readLock();
    if (isClosed) {
      use.unlockRead(stamp);
      throw new IndexException("it is closed, the server is stopping");
    }
    if (!isOpen) {
      use.unlockRead(stamp);
      throw new IndexException(health.error().map(StorageError::text).orElse("it is opened again"));
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
        health.idle();
        Pending<?> first = next();
        health.busy();
        if (first == null) {
          lookAfter(synced);
          continue;
        }
        waiting.add(first);
        queue.drainTo(waiting, MOST_CHANGES_A_BATCH - 1);
        open = !waiting.remove(Pending.END);
        if (health.error().isEmpty()) {
          writeTogether(waiting, plain, synced);
        } else {
          refuse(waiting);
        }
      }
    } catch (InterruptedException e) {
      throw new AssertionError("nobody interrupts the index writer", e);
    }
  }

  /** Returns the next change; null if it is time to check the database. */
  private @Nullable Pending<?> next() throws InterruptedException {
    return health.error().isEmpty()
        ? queue.poll(IDLE_SECONDS, TimeUnit.SECONDS)
        : health.nanosToRetry() <= 0
            ? null
            : queue.poll(health.nanosToRetry(), TimeUnit.NANOSECONDS);
  }

  /**
   * Tries to resume after an error. If there is none, checks whether a flush or compaction failed.
   */
  private void lookAfter(WriteOptions synced) {
    if (health.error().isPresent()) {
      resume(synced);
      return;
    }
    try {
      long errors = db.getLongProperty("rocksdb.background-errors");
      if (errors > backgroundErrors) {
        backgroundErrors = errors;
        test(synced);
      }
    } catch (RocksDBException e) {
      fail(e);
    }
  }

  /** Writes a record to the log that changes nothing that was acknowledged. */
  private void test(WriteOptions synced) throws RocksDBException {
    try (var record = new WriteBatch()) {
      record.putLogData(new byte[1]);
      intents.dropMarks(record);
      db.write(synced, record);
    }
  }

  /** Records that the database rejected a write. */
  private void fail(RocksDBException e) {
    StorageError error = errorOf(e);
    if (error == StorageError.ENOSPC) {
      health.count(error); // RocksDB resumes by itself when there is room
    } else {
      health.failed(error, e);
    }
  }

  private void refuse(List<Pending<?>> waiting) {
    StorageError error = health.error().orElse(StorageError.OTHER);
    waiting.forEach(
        pending -> pending.done.completeExceptionally(UnwritableStoreException.of(error)));
  }

  /**
   * Tries to write again by reopening the database, because RocksDB rejects all changes after an
   * error, and its Java API has no call to resume. Reads wait meanwhile. While the directory cannot
   * be written, the database stays open for reads.
   */
  private void resume(WriteOptions synced) {
    try {
      files.probe(); // uses as many descriptors as a database, before this one is closed
      long stamp = use.writeLock();
      try {
        if (isOpen) {
          db.close();
          isOpen = false;
        }
        db = files.open(false);
        isOpen = true;
      } finally {
        use.unlockWrite(stamp);
      }
      backgroundErrors = 0;
      test(synced);
      health.resumed();
    } catch (StoreRefusedException e) {
      health.failed(StorageError.CORRUPTION, e);
      health.end(String.valueOf(e.getMessage()));
    } catch (IOException | RocksDBException | RuntimeException e) {
      health.failed(errorOf(e), e);
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
      attempts.forEach(attempt -> attempt.written(batch)); // later ones read new values
    } catch (RocksDBException e) {
      fail(e);
      waiting.forEach(pending -> pending.done.completeExceptionally(unwritable(e)));
    } catch (RuntimeException | Error e) {
      waiting.forEach(
          pending -> pending.done.completeExceptionally(e)); // the next batch is still written
    }
    for (Pending<?> pending : waiting) {
      times.add(Duration.ofNanos(System.nanoTime() - pending.queued));
      pending.acknowledge();
    }
  }

  /**
   * Records how far the log reaches. A failure does not affect the changes, which are already in
   * the log.
   */
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

  /** A change that waits for its batch, and the future that its caller waits for. */
  private static final class Pending<T> {
    static final Pending<Boolean> END =
        new Pending<>(Durability.VISIBLE, batch -> true, new CompletableFuture<>());

    private final Durability durability;
    private final Change<T> change;
    private final CompletableFuture<T> done;
    private final long queued = System.nanoTime();
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

    @SuppressWarnings("NullAway") // the result has the type of the change, null included
    void acknowledge() {
      done.complete(result);
    }
  }

  /**
   * Changes that are never written. Only later changes of the same trial see them. Runs on the
   * caller's thread, concurrently with the writer.
   */
  final class Trial implements AutoCloseable {
    private final WriteBatchWithIndex entries = new WriteBatchWithIndex(true);

    private Trial() {}

    <T> T apply(Change<T> change) throws IOException {
      while (true) {
        entries.setSavePoint();
        try {
          return Index.this.read(() -> change.apply(new Batch(entries)));
        } catch (Intents.BusyException e) {
          rollback();
          intents.settle();
        } catch (RocksDBException e) {
          throw new IOException("the index could not be read: " + e, e);
        }
      }
    }

    private void rollback() throws IOException {
      try {
        entries.rollbackToSavePoint();
      } catch (RocksDBException e) {
        throw new IOException("the trial could not be undone: " + e, e);
      }
    }

    @Override
    public void close() {
      entries.close();
    }
  }

  /** The reads and writes of a change: the database, overlaid with the changes of this batch. */
  class Batch {
    final WriteBatchWithIndex entries;
    private final List<Runnable> afterwards = new ArrayList<>();
    private final List<byte[]> written = new ArrayList<>();
    private long committed = Intents.NONE;

    Batch(WriteBatchWithIndex entries) {
      this.entries = entries;
    }

    byte @Nullable [] get(byte[] key) throws RocksDBException {
      requireFree(key, false);
      return entries.getFromBatchAndDB(db, read, key);
    }

    /** Returns the same as {@link #get}, but null if the stored value is damaged. */
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

    /** Returns whether the key exists, without reading its value. */
    boolean has(byte[] key) throws RocksDBException {
      return isThere(key, false);
    }

    void put(byte[] key, byte[] value) throws RocksDBException {
      requireFree(key, false);
      wrote(key);
      entries.put(key, value);
    }

    void delete(byte[] key) throws RocksDBException {
      requireFree(key, false);
      wrote(key);
      entries.delete(key);
    }

    /** Adds to the value of a key, an 8-byte big-endian number. A missing value counts as 0. */
    void add(byte[] key, long count) throws RocksDBException {
      byte[] old = get(key);
      long sum = count + (old == null ? 0 : ByteBuffer.wrap(old).getLong());
      put(key, ByteBuffer.allocate(Long.BYTES).putLong(sum).array());
    }

    /**
     * Adds a condition that the decision relies on and that must hold when the change is written.
     */
    void require(BooleanSupplier condition) {}

    /**
     * Declares that the change does not depend on reading its own writes, which may be very many.
     */
    void readsNothingItWrote() {}

    /**
     * Runs an action when the change is written, before it is acknowledged, in the order of
     * changes. The action must neither block nor throw.
     */
    void afterwards(Runnable action) {
      afterwards.add(action);
    }

    /** Returns whether any key starts with {@code prefix}. */
    boolean hasAny(byte[] prefix) throws RocksDBException {
      return isThere(prefix, true);
    }

    private boolean isThere(byte[] key, boolean isPrefix) throws RocksDBException {
      requireFree(key, isPrefix);
      try (RocksIterator merged = entries.newIteratorWithBase(db.newIterator(read), read)) {
        return isAt(merged, key, isPrefix);
      }
    }

    /** Returns up to {@code most} keys that start with {@code prefix}, starting at {@code from}. */
    List<byte[]> keys(byte[] prefix, byte[] from, int most) throws RocksDBException {
      requireFree(prefix, true);
      var keys = new ArrayList<byte[]>();
      try (RocksIterator merged = entries.newIteratorWithBase(db.newIterator(read), read)) {
        merged.seek(from);
        while (keys.size() < most && merged.isValid() && startsWith(merged.key(), prefix)) {
          keys.add(merged.key());
          merged.next();
        }
        merged.status();
      }
      return keys;
    }

    /** Visits the entries whose keys start with {@code prefix}, in order. */
    void scan(byte[] prefix, Visitor visitor) throws RocksDBException {
      requireFree(prefix, true);
      try (RocksIterator merged = entries.newIteratorWithBase(db.newIterator(read), read)) {
        visit(merged, prefix, prefix, visitor);
      }
    }

    /** Records a key that is written. */
    void wrote(byte[] key) {
      written.add(key);
    }

    /** Applies a step of a change that was decided before. */
    void apply(Intents.Step step) throws RocksDBException {
      requireFree(step.key(), false);
      settle(step);
    }

    /** Applies a staged step of an intent. */
    void settle(Intents.Step step) throws RocksDBException {
      wrote(step.key());
      if (step.value() == null) {
        entries.delete(step.key());
      } else {
        entries.put(step.key(), step.value());
      }
    }

    /** Records that this batch commits an intent. */
    void commits(long intent) {
      committed = intent;
    }

    /** Returns whether a change of this batch commits the intent. */
    boolean isCommitting(long intent) {
      return committed == intent;
    }

    /**
     * Returns whether the batch changes something that was read; always true if it commits an
     * intent.
     */
    boolean changes(ReadSet reads) {
      return committed != Intents.NONE || reads.hasAny(written);
    }

    /**
     * Throws {@link Intents.BusyException} if a committed intent has a staged step for the key or,
     * with {@code isPrefix}, for a key that starts with it.
     */
    private void requireFree(byte[] key, boolean isPrefix) throws RocksDBException {
      long intent = committed == Intents.NONE ? intents.over() : committed;
      if (intent == Intents.NONE) {
        return;
      }
      try (RocksIterator staged = db.newIterator(read)) {
        if (isAt(staged, Keys.staged(intent, key), isPrefix)) {
          throw new Intents.BusyException();
        }
      }
    }

    /**
     * Returns whether the key exists or, with {@code isPrefix}, a key that starts with it. Moves
     * the iterator.
     */
    private static boolean isAt(RocksIterator entries, byte[] key, boolean isPrefix)
        throws RocksDBException {
      entries.seek(key);
      boolean isThere =
          entries.isValid()
              && (isPrefix ? startsWith(entries.key(), key) : Arrays.equals(entries.key(), key));
      entries.status();
      return isThere;
    }
  }
}
