package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cistern.base.ClockJumps;
import dev.cistern.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The store in one data directory: content in files that are named by digest, and the facts about
 * it in an index.
 *
 * <p>Content becomes durable in this order: the file is synced and renamed, its directory is
 * synced, then the facts are written and their log is synced. A fact is never written before its
 * content. After a kill at any instant, all acknowledged content is therefore stored and complete.
 * Unacknowledged content leaves at most one of these files:
 *
 * <ul>
 *   <li>a file in {@code fills} or {@code uploads}, which is continued or expires
 *   <li>a blob's file that no fact names, which is replaced when the blob is stored again, or set
 *       aside by {@link #sweep}
 * </ul>
 *
 * <p>Opening reads no content and scans no facts. Content is never deleted only because no fact
 * names it; see {@link Quarantine}.
 */
public final class Store implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Store.class);
  private static final int MAX_PID_BYTES = 20;

  private final Layout layout;
  private final AtomicReference<StoreIdentity> identity;
  private final FileChannel lock;
  private final Index index;
  private final Quarantine quarantine;
  private final Blobs blobs;
  private final Repositories repositories;
  private final Uploads uploads;
  private final Objects objects;
  private final StorageLimits limits;
  private final Space space;
  private final Uses uses;
  private final Eviction eviction;
  private final Garbage garbage;
  private final Sweep sweep;
  private final DamagedContent damaged;
  private final Scrub scrub;
  private final InstantSource clock;
  private final ClockJumps jumps;
  private final StoredTimes times;

  /** True if stored times may lie in the future. */
  private volatile boolean isUnsettled = true;

  private Store(
      Layout layout,
      FileChannel lock,
      Index index,
      StoreIdentity identity,
      StorageLimits limits,
      Space space,
      Quarantine quarantine,
      InstantSource clock,
      InstantSource running) {
    this.layout = layout;
    this.identity = new AtomicReference<>(identity);
    this.lock = lock;
    this.index = index;
    this.limits = limits;
    this.space = space;
    this.quarantine = quarantine;
    this.clock = clock;
    this.jumps = new ClockJumps(clock, running, this::jumped);
    var versions = new Versions();
    this.uses = new Uses(index, clock);
    this.damaged = new DamagedContent(index);
    this.blobs =
        new Blobs(
            layout,
            index,
            space,
            quarantine,
            this::isRepaired,
            clock,
            versions,
            limits.grace(),
            damaged);
    this.garbage = new Garbage(index, blobs, damaged, versions, clock, jumps);
    this.eviction =
        new Eviction(layout, index, space, blobs, garbage, limits.grace(), clock, versions, uses);
    this.objects = new Objects(index);
    this.repositories = new Repositories(index, clock, versions, uses, eviction, objects, damaged);
    this.uploads = new Uploads(layout, index, space, blobs, clock, jumps);
    this.times = new StoredTimes(index, layout);
    this.scrub = new Scrub(index, blobs, repositories, clock);
    this.sweep = new Sweep(layout, index, space, blobs, quarantine);
    space.relieveWith(eviction);
  }

  /** Opens the store as {@link #open(Path, StorageLimits, InstantSource)} does, without limits. */
  public static Store open(Path directory, InstantSource clock) throws IOException {
    return open(directory, StorageLimits.NONE, clock);
  }

  /**
   * Opens the store as {@link #open(Path, StorageLimits, InstantSource, InstantSource)} does, with
   * a clock that never jumps.
   */
  public static Store open(Path directory, StorageLimits limits, InstantSource clock)
      throws IOException {
    return open(directory, limits, clock, clock);
  }

  /**
   * Opens the store in {@code directory}, which is created if it is missing.
   *
   * @param clock wall clock, whose times are stored
   * @param running clock that measures durations; see {@link dev.cistern.base.MonotonicClock}
   * @throws StoreRefusedException if its parts do not belong together, are missing or damaged, if a
   *     newer version wrote it, or if another process has it open; nothing was changed
   * @throws IOException if it cannot be read or written
   */
  public static Store open(
      Path directory, StorageLimits limits, InstantSource clock, InstantSource running)
      throws IOException {
    var layout = new Layout(directory);
    FileChannel lock = lock(layout);
    try {
      var check = new StartCheck(layout);
      Optional<StoreIdentity> found = check.beforeIndex();
      layout.create();
      Index index = Index.openUnstarted(layout.index());
      try {
        Format.check(index);
        StoreIdentity identity = check.afterIndex(index, found);
        return open(layout, lock, index, identity, limits, clock, running);
      } catch (IOException | RuntimeException e) {
        index.close();
        throw e;
      }
    } catch (IndexException e) {
      lock.close();
      throw unreadable(directory, e);
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /**
   * Returns the exception for an index that cannot be read while a server starts. It is a refusal
   * if the index is damaged.
   *
   * @param directory data directory of the store
   */
  public static IOException unreadable(Path directory, IndexException e) {
    return e.isDamage()
        ? IndexFiles.damaged(new Layout(directory).index(), e.reason(), e)
        : new IOException(e.getMessage(), e);
  }

  private static Store open(
      Layout layout,
      FileChannel lock,
      Index index,
      StoreIdentity identity,
      StorageLimits limits,
      InstantSource clock,
      InstantSource running)
      throws IOException {
    Format.upgrade(index);
    var space = new Space(Files.getFileStore(layout.root()), limits, running);
    space.found(Blobs.bytes(index.get(Keys.family(Keys.BLOB_BYTES))));
    space.found(Layout.bytesIn(layout.fills()) + Layout.bytesIn(layout.uploads()));
    space.indexMeasured(Layout.bytesIn(layout.index()));
    Quarantine quarantine = Quarantine.open(layout, space, clock, limits.quarantine());
    var store = new Store(layout, lock, index, identity, limits, space, quarantine, clock, running);
    byte[] newest = index.get(Keys.family(Keys.CLOCK));
    if (newest != null) {
      store.jumps.lookAtStart(Instant.ofEpochMilli(Blobs.bytes(newest)));
    }
    return store;
  }

  /**
   * Opens a store even if the log of its index is damaged, or the index has facts of blobs but
   * there is no content. A damaged log is read up to its last good record. No content is deleted.
   * If changes were lost, the files that the server removes later are set aside, until a repairing
   * {@link #check} has run.
   *
   * @throws StoreRefusedException if the index is missing, damaged in another way, or of another
   *     store
   */
  public static Repaired repair(Path directory, StorageLimits limits, InstantSource clock)
      throws IOException {
    var layout = new Layout(directory);
    FileChannel lock = lock(layout);
    try {
      var check = new StartCheck(layout);
      Optional<StoreIdentity> found = check.beforeIndex();
      layout.create();
      Index.Repaired repaired = Index.repair(layout.index());
      try {
        Format.check(repaired.index());
        boolean isLossy = repaired.lostChanges() > 0 || repaired.unreadBytes() > 0;
        StoreIdentity identity = check.afterRepair(repaired.index(), found, isLossy);
        Store store = open(layout, lock, repaired.index(), identity, limits, clock, clock);
        return new Repaired(store, repaired.lostChanges(), repaired.unreadBytes());
      } catch (IOException | RuntimeException e) {
        repaired.index().close();
        throw e;
      }
    } catch (IndexException e) {
      lock.close();
      throw unreadable(directory, e);
    } catch (IOException | RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /**
   * A store that {@link #repair} opened. The caller closes it.
   *
   * @param lostChanges acknowledged changes of the index after the last good record of its log; 0
   *     if none is known
   * @param unreadBytes bytes of the log after that record
   */
  public record Repaired(Store store, long lostChanges, long unreadBytes) {}

  /**
   * Ends the state that {@link #repair} began. The index was compared with all content, so removed
   * content is deleted again from now on.
   */
  private void trust() throws IOException {
    StoreIdentity trusted = identity.get().withRepaired(false);
    trusted.write(layout.identity());
    identity.set(trusted);
  }

  /**
   * Returns whether the index was opened with a loss and no repairing check of the store has
   * followed.
   */
  public boolean isRepaired() {
    return identity.get().isRepaired();
  }

  /** Locks a data directory, which is created if it is missing. */
  static FileChannel lock(Layout layout) throws IOException {
    Files.createDirectories(layout.root());
    FileChannel lock =
        FileChannel.open(
            layout.lock(),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    if (tryLock(lock) == null) {
      String owner = ownerOf(lock);
      lock.close();
      throw new StoreRefusedException(
          "another process" + owner + " has the store in " + layout.root() + " open");
    }
    lock.truncate(0);
    lock.write(ByteBuffer.wrap(Long.toString(ProcessHandle.current().pid()).getBytes(US_ASCII)));
    return lock;
  }

  private static String ownerOf(FileChannel lock) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(MAX_PID_BYTES);
    lock.read(bytes, 0);
    String pid = new String(bytes.array(), 0, bytes.position(), US_ASCII);
    return pid.matches("\\d+") ? " (" + pid + ")" : "";
  }

  public Blobs blobs() {
    return blobs;
  }

  public Repositories repositories() {
    return repositories;
  }

  public DamagedContent damaged() {
    return damaged;
  }

  public Uploads uploads() {
    return uploads;
  }

  public Objects objects() {
    return objects;
  }

  /**
   * Removes downloads to which nothing was added for {@code idle}, except those that are running.
   * Returns the number of removed downloads.
   *
   * @param running whether a download is running, by the name of its file: {@code sha256-HEX}
   */
  public int expireFills(Duration idle, Predicate<String> running) throws IOException {
    if (jumps.holds(idle)) {
      return 0;
    }
    Instant limit = clock.instant().minus(idle);
    int expired = 0;
    try (DirectoryStream<Path> files = Files.newDirectoryStream(layout.fills())) {
      for (Path file : files) {
        Optional<Digest> digest = Layout.fillOf(file);
        if (digest.isPresent()
            && !running.test(file.getFileName().toString())
            && Files.getLastModifiedTime(file).toInstant().isBefore(limit)
            && blobs.removeDownload(digest.get())) {
          expired++;
        }
      }
    }
    return expired;
  }

  /**
   * Removes files whose retention in the quarantine has ended, except damaged pushed content.
   * Returns the number of removed files.
   */
  public int expireQuarantine() throws IOException {
    return jumps.holds(limits.quarantine()) ? 0 : quarantine.expire();
  }

  /** Returns the jumps of the wall clock, which delay deletions by age. */
  public ClockJumps clockJumps() {
    return jumps;
  }

  /**
   * Checks whether the wall clock has jumped, and stores the current time. The age of content that
   * is stored with a time in the future starts now. Called before deletions by age, and often,
   * because only the next call detects a jump.
   */
  public void lookAtClock() throws IOException {
    jumps.look();
    if (isUnsettled) {
      isUnsettled = false;
      int settled;
      try {
        settled = times.settle(clock.instant());
      } catch (IOException | RuntimeException e) {
        isUnsettled = true;
        throw e;
      }
      if (settled > 0) {
        LOG.atWarn().addKeyValue("times", settled).log("stored times in the future begin now");
      }
    }
    noteTime();
  }

  private void jumped(Duration size) {
    if (size.isNegative()) {
      isUnsettled = true;
    }
    LOG.atWarn()
        .addKeyValue("seconds", size.toSeconds())
        .log(size.isNegative() ? "clock jumped back" : "clock jumped forward");
  }

  private void noteTime() throws IOException {
    byte[] now = Blobs.bytes(clock.instant().toEpochMilli());
    index.put(Index.Durability.VISIBLE, Keys.family(Keys.CLOCK), now);
  }

  /**
   * Removes all files from the quarantine, including damaged pushed content. Returns the number of
   * removed files.
   */
  public int emptyQuarantine() throws IOException {
    return quarantine.empty();
  }

  /** Returns the total bytes of the files in the quarantine. */
  public long quarantineBytes() {
    return quarantine.bytes();
  }

  /** Returns the health of the index: whether it can be written, and for how long it could not. */
  public IndexHealth indexHealth() {
    return index.health();
  }

  /**
   * Writes to the index and syncs it, without changing anything.
   *
   * @throws UnwritableStoreException if the index cannot be written
   */
  public void probeIndex() throws IOException {
    index.put(Index.Durability.SYNCED, Keys.family(Keys.STORE), identity.get().encodedId());
  }

  /**
   * Creates, syncs and removes a file beside the blobs.
   *
   * @throws UnwritableStoreException if an error of the operating system prevents it
   */
  public void probeContent() throws IOException {
    try {
      Layout.probe(layout.blobs());
    } catch (IOException e) {
      throw UnwritableStoreException.orSame(e);
    }
  }

  /** Returns whether there is no space for new content. Evicts nothing to find out. */
  public boolean isFull() throws IOException {
    return space.isFull();
  }

  /**
   * Returns whether more files are unknown to the index than a kill can have left, or the index was
   * opened with a loss. Unknown files are not set aside then. {@code cistern fsck} reports details.
   */
  public boolean isDoubtful() {
    return sweep.isDoubtful() || isRepaired();
  }

  /**
   * Stores the digests that manifests name, for manifests that an earlier version of Cistern stored
   * without them. Such a manifest is neither evicted nor pruned until then. Parses them on the
   * caller's thread. Returns the number of manifests that got the fact.
   */
  public int learnNames() throws IOException {
    return new ManifestNames(index).learnAll();
  }

  /** Returns the durations of changes of the index since the store was opened. */
  public WriteTimes writeTimes() {
    return index.times();
  }

  /** Returns the number of changes of the index that wait in the queue. */
  public int waitingWrites() {
    return index.waiting();
  }

  Index index() {
    return index;
  }

  /**
   * Checks the store, and repairs it if {@code order} requests it; see {@link StoreCheck}. Blocks
   * until the check is complete. An interrupt ends it.
   *
   * @throws IOException if the index or the directories cannot be read, or the report throws
   */
  public StoreCheck.Progress check(StoreCheck.Order order, StoreCheck.Report report)
      throws IOException {
    Instant now = clock.instant().truncatedTo(ChronoUnit.MILLIS);
    var run = new CheckRun(layout, index, blobs, quarantine, space, damaged, order, report, now);
    try {
      StoreCheck.Progress all = StoreCheck.run(run, uploads, repositories);
      if (order.isRepair() && isRepaired()) {
        trust();
      }
      return all;
    } catch (IndexException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  /** Returns the background verification of stored content. */
  public Scrub scrub() {
    return scrub;
  }

  /** Returns the bytes of files that count as used space. */
  long contentBytes() {
    return space.content();
  }

  /** Returns the space usage of the store. */
  public Usage usage() {
    return new Usage(
        space.used(),
        space.reserved(),
        limits.maxSize(),
        eviction.images(),
        eviction.bytes(),
        garbage.bytes());
  }

  /**
   * Removes content that nothing references: deleted content, and pushed blobs for which no
   * manifest was stored within the grace. May run beside all other operations.
   */
  public Collected collect() throws IOException {
    return garbage.collect(limits.grace());
  }

  /**
   * Removes a blob that nothing references now, whatever its age.
   *
   * @return whether it was removed; false if something references it
   */
  public boolean discard(Digest blob) throws IOException {
    return garbage.discard(blob);
  }

  /**
   * Writes the recorded uses to the index, and evicts content if space is scarce, before a request
   * needs it.
   */
  public void relieve() throws IOException {
    uses.flush();
    space.indexMeasured(Layout.bytesIn(layout.index()));
    space.relieve();
  }

  /**
   * Sets aside the files that no fact names, which a kill may have left, unless there are too many.
   * Returns the number of files. Lists all files, so it is meant for the time after the start.
   */
  public int sweep() throws IOException {
    return isRepaired() ? 0 : sweep.blobs() + sweep.uploads() + sweep.fills();
  }

  @Override
  public void close() throws IOException {
    objects.close();
    uploads.close();
    try {
      uses.flush();
    } catch (IOException | RuntimeException e) {
      LOG.atWarn().setCause(e).log("what was used lately is not written down");
    }
    index.close();
    lock.close();
  }

  private static @Nullable FileLock tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }
}
