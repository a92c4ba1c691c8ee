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
  private static final int MAX_DECISIONS = 16;

  /** How often a small change is decided beside the writer before it takes its turn there. */
  private static final int MAX_SMALL_DECISIONS = 4;

  /** The keys that a change may read and write that is decided on the writer's thread. */
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

  /** Held for reading while the database is used, for writing when it is closed. */
  private final StampedLock use = new StampedLock();

  private boolean isClosed;

  /** Replaced when it is opened again after an error; guarded by use. */
  private RocksDB db;

  /** False after a try to open it again that failed. Guarded by use. */
  private boolean isOpen = true;

  /** True if the last try to note the end of the log failed; of the writer's thread. */
  private boolean isMarkFailing;

  /** Background errors that were seen; of the writer's thread. */
  private long backgroundErrors;

  private final AtomicLong changes = new AtomicLong();
  private final WriteTimes times = new WriteTimes();
  private final Intents intents = new Intents(this);

  /** The decisions that are being made; the writer looks whether it changes what they read. */
  private final Set<Attempt> attempts = ConcurrentHashMap.newKeySet();

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
      return new Index(files, files.open(true));
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

  /**
   * Begins to write, and completes a large change that a kill interrupted. From now on the end of
   * this log is the one that the next start expects.
   */
  void start() throws IOException {
    mark = SequenceMark.open(files.mark(), db.getLatestSequenceNumber());
    writer.start();
    intents.recover();
  }

  /** Returns the value of {@code key}, or null. */
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
    var page = new Page();
    scan(prefix, from, page);
    return page.entries;
  }

  /** Returns what {@link #page} does, without the intent that lies over it. */
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

  /** Collects entries until they are a page. */
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
   * Visits the entries whose keys start with {@code prefix}, in order, from {@code from} on. The
   * visitor must not use the index, which cannot be closed meanwhile.
   */
  void scan(byte[] prefix, byte[] from, Visitor visitor) {
    long stamp = begin();
    try {
      while (!scanNow(prefix, from, visitor)) {
        // an intent was committed meanwhile: it may be half in place in what was to be read
      }
    } catch (RocksDBException e) {
      throw new IndexException(e);
    } finally {
      use.unlockRead(stamp);
    }
  }

  /** Returns whether what was read is one state; if not, nothing was visited. */
  private boolean scanNow(byte[] prefix, byte[] from, Visitor visitor) throws RocksDBException {
    long over = intents.over();
    // What is staged is read first: what it has lost since is in place then.
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

  /** The keys of an intent, and what it does with them. */
  private record Staged(RocksIterator entries, long intent) {
    void seek(byte[] key) {
      entries.seek(Keys.staged(intent, key));
    }

    /** Returns the next step, if its key starts with {@code prefix}. */
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
   * @throws StoreFullException if the disk has no room; RocksDB then refuses all changes until it
   *     has seen that there is room again, for which it looks every few seconds
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

  /** Puts a value that depends on nothing that is stored. */
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
   * Makes a change that reads or writes more than is fit for the writer's thread: it is decided on
   * the caller's thread, and written if nothing that it read has changed meanwhile; otherwise it is
   * decided again. What it writes appears together, and in pages if it is more than {@link
   * Intents#MAX_KEYS_PER_PAGE} keys. The change runs once or more often, beside other changes; if
   * what it reads changes all the time and it is small, at last on the writer's thread, where
   * nothing changes beside it.
   *
   * @throws OciException with TOOMANYREQUESTS, if what it read changed too often and is more than
   *     {@value #MAX_KEYS_IN_TURN} keys
   */
  <T> T decide(Durability durability, Change<T> change) throws IOException {
    return decide(durability, change, Optional.empty()).orElseThrow();
  }

  /**
   * Makes a change as {@link #decide(Durability, Change)} does, if a guard that runs on the
   * writer's thread lets it. The guard touches few keys.
   *
   * @param guard returns whether the change is made; if not, it has written nothing
   * @return what was decided; empty if the guard did not let it be written
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

  /** Begins to look for changes of what an attempt reads. */
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

  /** Returns how long changes took. */
  WriteTimes times() {
    return times;
  }

  /** Returns how many changes wait for the writer. */
  int waiting() {
    return queue.size();
  }

  /** Reads for an attempt, on its thread. */
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

  /** Returns whether the index can be written, and how that has been. */
  IndexHealth health() {
    return health;
  }

  /**
   * Throws if the index cannot be written now.
   *
   * @throws UnwritableStoreException with the error
   */
  void requireWritable() throws UnwritableStoreException {
    Optional<StorageError> error = health.error();
    if (error.isPresent()) {
      throw UnwritableStoreException.of(error.get());
    }
  }

  /** Begins a use of the database, which is native: used after its end it would take us with it. */
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

  /** Returns the next change; null if it is time to look after the database. */
  private @Nullable Pending<?> next() throws InterruptedException {
    return health.error().isEmpty()
        ? queue.poll(IDLE_SECONDS, TimeUnit.SECONDS)
        : health.nanosToRetry() <= 0
            ? null
            : queue.poll(health.nanosToRetry(), TimeUnit.NANOSECONDS);
  }

  /** Tries to resume; or, when nothing is written, looks whether a flush or compaction failed. */
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

  /** Notes that the database refused to be written. */
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
   * Tries to write again, by opening the database anew: after an error RocksDB refuses all changes,
   * and its Java API has no call to resume. Reads wait meanwhile. The database stays open, for
   * reads, as long as the directory cannot be written.
   */
  private void resume(WriteOptions synced) {
    try {
      files.probe(); // with as many descriptors as a database needs: this one is closed for it
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
      attempts.forEach(attempt -> attempt.written(batch)); // one that begins now reads what is new
    } catch (RocksDBException e) {
      fail(e);
      waiting.forEach(pending -> pending.done.completeExceptionally(unwritable(e)));
    } catch (RuntimeException | Error e) {
      waiting.forEach(
          pending -> pending.done.completeExceptionally(e)); // the next group is written
    }
    for (Pending<?> pending : waiting) {
      times.add(Duration.ofNanos(System.nanoTime() - pending.queued));
      pending.acknowledge();
    }
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

  /** What a change reads and writes: the database with this batch's changes over it. */
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

    /** Returns whether the key is there, without reading its value. */
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

    /** Adds to the number that a key has, 8 bytes, big-endian; 0 if there is none. */
    void add(byte[] key, long count) throws RocksDBException {
      byte[] old = get(key);
      long sum = count + (old == null ? 0 : ByteBuffer.wrap(old).getLong());
      put(key, ByteBuffer.allocate(Long.BYTES).putLong(sum).array());
    }

    /** Adds a condition on which the change was decided, and which must hold when it is written. */
    void require(BooleanSupplier condition) {}

    /** Declares that the change does not read keys that it has written, which may be very many. */
    void readsNothingItWrote() {}

    /**
     * Has something done when the change is written, before it is acknowledged, in the order of
     * changes. It must neither block nor throw.
     */
    void afterwards(Runnable action) {
      afterwards.add(action);
    }

    /** Says whether a key starts with {@code prefix}. */
    boolean hasAny(byte[] prefix) throws RocksDBException {
      return isThere(prefix, true);
    }

    private boolean isThere(byte[] key, boolean isPrefix) throws RocksDBException {
      requireFree(key, isPrefix);
      try (RocksIterator merged = entries.newIteratorWithBase(db.newIterator(read), read)) {
        return isAt(merged, key, isPrefix);
      }
    }

    /** Returns up to {@code most} keys that start with {@code prefix}, from {@code from} on. */
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

    /** Notes a key that is written. */
    void wrote(byte[] key) {
      written.add(key);
    }

    /** Does a step of a change that was decided before. */
    void apply(Intents.Step step) throws RocksDBException {
      requireFree(step.key(), false);
      settle(step);
    }

    /** Brings what an intent does with a key to its place. */
    void settle(Intents.Step step) throws RocksDBException {
      wrote(step.key());
      if (step.value() == null) {
        entries.delete(step.key());
      } else {
        entries.put(step.key(), step.value());
      }
    }

    /** Notes that an intent is committed in this batch. */
    void commits(long intent) {
      committed = intent;
    }

    /** Returns whether a change of this batch commits an intent. */
    boolean isCommitting(long intent) {
      return committed == intent;
    }

    /** Returns whether the batch changes something that was read. */
    boolean changes(ReadSet reads) {
      return committed != Intents.NONE || reads.hasAny(written);
    }

    /** Throws if a key, or one that starts with it, is to be changed by an intent. */
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

    /** Returns whether there is the key, or one that starts with it; moves the iterator. */
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
