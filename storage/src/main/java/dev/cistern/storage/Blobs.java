package dev.cistern.storage;

import dev.cistern.base.StoredTime;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.DamageFact;
import dev.cistern.storage.Facts.LinkFact;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stored blobs. Each blob is stored once, however many repositories use it. A repository can
 * serve a blob only through its own link.
 *
 * <p>The file of a blob is created before its fact and removed after it, each under a lock of the
 * digest. {@link #commit} holds the lock from the rename until the fact is written. {@link
 * #removeFile} checks under the lock whether the fact was written again. Therefore no interleaving
 * of the two leaves a fact without its file. A kill between the two steps leaves a file without a
 * fact, which {@link Sweep} sets aside. While a removal runs ({@link #removal}), its files have no
 * facts either, so checks for unknown files wait for it.
 *
 * <p>Safe for all threads. Reading facts takes microseconds. All other operations may wait for the
 * disk.
 */
public final class Blobs {
  private static final Logger LOG = LoggerFactory.getLogger(Blobs.class);
  private static final int LOCKS = 256;

  /** Minimum age of a link's last use before a new use is written. */
  private static final Duration STEP = Duration.ofMinutes(1);

  private final Layout layout;
  private final Index index;
  private final Space space;
  private final Quarantine quarantine;
  private final BooleanSupplier isRepaired;
  private final InstantSource clock;
  private final Versions versions;
  private final Duration grace;
  private final DamagedContent damaged;

  /** Blobs that are being verified, each on its own thread. */
  private final Set<Digest> suspects = ConcurrentHashMap.newKeySet();

  /**
   * Held for reading from the removal of facts to the removal of their files. Held for writing
   * while files are checked for a missing fact.
   */
  private final ReentrantReadWriteLock removals = new ReentrantReadWriteLock();

  private final Object[] locks = new Object[LOCKS];
  private final ConcurrentHashMap<Digest, Integer> readers = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<Digest, Integer> downloads = new ConcurrentHashMap<>();
  private final List<Consumer<Digest>> idleHolders = new CopyOnWriteArrayList<>();

  /** Number of times that a blob or a download was closed and may have become removable. */
  private final AtomicLong closings = new AtomicLong();

  Blobs(
      Layout layout,
      Index index,
      Space space,
      Quarantine quarantine,
      BooleanSupplier isRepaired,
      InstantSource clock,
      Versions versions,
      Duration grace,
      DamagedContent damaged) {
    this.layout = layout;
    this.index = index;
    this.space = space;
    this.quarantine = quarantine;
    this.isRepaired = isRepaired;
    this.clock = clock;
    this.versions = versions;
    this.grace = grace;
    this.damaged = damaged;
    for (int i = 0; i < LOCKS; i++) {
      locks[i] = new Object();
    }
  }

  /** Returns whether {@code repository} links the blob, whether or not the content is stored. */
  public boolean isLinked(RepositoryName repository, Digest digest) {
    return index.get(Keys.blobLink(repository, digest)) != null;
  }

  /** Returns the size of the blob in bytes if its content is stored. */
  public OptionalLong size(Digest digest) {
    byte[] fact = index.get(Keys.blob(digest));
    return fact == null ? OptionalLong.empty() : OptionalLong.of(BlobFact.decode(fact).size());
  }

  /**
   * Returns the size of the blob in bytes if it is stored and its file exists with this size. A
   * blob whose file is missing or has another size is no longer stored. Accesses the disk.
   */
  public OptionalLong presentSize(Digest digest) throws IOException {
    OptionalLong size = size(digest);
    return size.isPresent() && inspect(digest, size.getAsLong()).isPresent()
        ? OptionalLong.empty()
        : size;
  }

  /**
   * Protects the repository's link, if there is one, from collection and pruning for a while.
   * Called before a client is told that the blob is stored, because the client then pushes a
   * manifest that references it. Waits for the index at most once per minute and link, or once per
   * half of the grace period if that is shorter.
   */
  public void keep(RepositoryName repository, Digest digest) throws IOException {
    Instant now = clock.instant();
    Duration step = STEP.compareTo(grace.dividedBy(2)) < 0 ? STEP : grace.dividedBy(2);
    Instant recent = now.minus(step);
    byte[] key = Keys.blobLink(repository, digest);
    byte[] link = index.get(key);
    if (link == null || isRecent(LinkFact.decode(link).lastUsed(), recent, now)) {
      return;
    }
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          byte[] current = batch.get(key);
          if (current != null) {
            batch.put(key, new LinkFact(LinkFact.decode(current).origin(), now).encoded());
          }
          return true;
        });
  }

  private static boolean isRecent(Instant lastUsed, Instant recent, Instant now) {
    return lastUsed.isAfter(recent) && !StoredTime.isUnknown(lastUsed, now);
  }

  /** Opens the blob if its content is stored. The caller must release it. */
  public Optional<Blob> open(Digest digest) throws IOException {
    add(readers, digest);
    Optional<Blob> opened = Optional.empty();
    try {
      opened = openFile(digest);
      return opened;
    } finally {
      if (opened.isEmpty()) {
        closed(readers, digest);
      }
    }
  }

  /**
   * Adds a holder that keeps blobs open without reading them. Its callback receives a digest before
   * an eviction would skip that blob as being read. It must release the blob before it returns.
   */
  public void addIdleHolder(Consumer<Digest> letGo) {
    idleHolders.add(letGo);
  }

  /**
   * Links the blob to {@code repository}. A pushed link is written only if the content is stored. A
   * cached link may be written before the content is stored.
   *
   * @return whether the content was stored when the link was written
   */
  public boolean link(RepositoryName repository, Digest digest, Origin origin) throws IOException {
    if (origin == Origin.PUSHED) {
      inspect(digest);
    }
    Instant now = clock.instant();
    return index.write(
        origin == Origin.PUSHED ? Index.Durability.SYNCED : Index.Durability.VISIBLE,
        batch -> {
          boolean isHere = batch.get(Keys.blob(digest)) != null;
          if (isHere || origin == Origin.CACHED) {
            putLink(batch, repository, digest, origin, now);
          }
          return isHere;
        });
  }

  /**
   * Removes the link of {@code repository} to the blob. Returns false if there was none. Links of
   * other repositories stay.
   */
  public boolean unlink(RepositoryName repository, Digest digest) throws IOException {
    boolean unlinked =
        index.write(
            Index.Durability.SYNCED,
            batch -> {
              if (batch.get(Keys.blobLink(repository, digest)) == null) {
                return false;
              }
              Holders.unlink(batch, repository, digest);
              return true;
            });
    if (unlinked) {
      versions.changed(repository);
    }
    return unlinked;
  }

  /** Opens the download file of {@code digest}, which may contain data of an earlier download. */
  public PartialBlob partial(Digest digest) throws IOException {
    index.requireWritable();
    synchronized (lock(digest)) {
      var file = GrowingFile.open(layout.fill(digest), space, digest.algorithm());
      add(downloads, digest);
      return new PartialBlob(this, digest, file);
    }
  }

  /** Removes a reader that {@link #open} added. */
  void closed(Digest digest) {
    closed(readers, digest);
  }

  /** Closes a download file that {@link #partial} opened. */
  void closed(Digest digest, GrowingFile file) throws IOException {
    try {
      file.close();
    } finally {
      closed(downloads, digest);
    }
  }

  /** Removes the file of a download. Returns false if the file is open or does not exist. */
  boolean removeDownload(Digest digest) throws IOException {
    synchronized (lock(digest)) {
      Path file = layout.fill(digest);
      long bytes = Layout.sizeOf(file);
      if (downloads.containsKey(digest) || !Files.deleteIfExists(file)) {
        return false;
      }
      space.give(bytes);
      return true;
    }
  }

  /** Returns the size in bytes of the unfinished download of {@code digest}; 0 if there is none. */
  public long partialLength(Digest digest) throws IOException {
    try {
      return Files.size(layout.fill(digest));
    } catch (NoSuchFileException e) {
      return 0;
    }
  }

  /**
   * Stores a complete and verified file as the blob, durably, and links it if it was pushed.
   * Replaces an existing file, which was verified earlier, without disturbing its readers.
   *
   * @throws IOException also if the length of the file differs from the verified length
   */
  void commit(GrowingFile file, Digest digest, Optional<RepositoryName> pushedTo)
      throws IOException {
    file.sync(); // before the lock, because it may take long
    OptionalLong replaced;
    synchronized (lock(digest)) {
      if (file.channel().size() != file.length()) {
        throw new EOFException("the file of " + digest + " was cut while it was written");
      }
      layout.commit(file.path(), digest);
      try {
        replaced = putFact(digest, file.length(), pushedTo);
      } catch (IOException | RuntimeException e) {
        space.give(file.handOver()); // without a fact it is not content
        throw e;
      }
      space.found(file.length() - file.handOver());
      replaced.ifPresent(space::give);
    }
    if (replaced.isPresent()) {
      renew(digest);
    }
  }

  /**
   * Returns whether the blob or its download file is open. A change that runs on the index writer's
   * thread may base its decision on the result.
   */
  boolean isRead(Digest digest) {
    return readers.containsKey(digest) || downloads.containsKey(digest);
  }

  /** Asks idle holders of the blob to release it. */
  void letGo(Digest digest) {
    idleHolders.forEach(holder -> holder.accept(digest));
  }

  /** Returns a counter that changes when something was closed that may now be removable. */
  long closings() {
    return closings.get();
  }

  /** Returns whether the index has lost facts and the store has not been checked since. */
  boolean isIndexRepaired() {
    return isRepaired.getAsBoolean();
  }

  /** A removal in progress, first of facts of blobs from the index and then of their files. */
  interface Removal extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Begins a removal, which the same thread must close. Checks for unknown files wait until it is
   * closed.
   */
  Removal removal() {
    removals.readLock().lock();
    return removals.readLock()::unlock;
  }

  /**
   * Removes the file of a blob whose fact was durably removed, unless the blob was stored again. If
   * the index has lost facts ({@link Store#repair}), sets the file aside instead. Frees {@code
   * size} bytes in any case. Must be called within a {@link Removal}.
   */
  void removeFile(Digest digest, long size) throws IOException {
    try {
      synchronized (lock(digest)) {
        if (isRepaired.getAsBoolean()) {
          setAsideWithoutFact(digest, "removed after the index had lost facts");
        } else if (index.get(Keys.blob(digest)) == null) {
          Files.deleteIfExists(layout.blob(digest));
        }
      }
    } finally {
      space.give(size);
    }
  }

  /**
   * Stores the content of a digest as a blob if an intact copy is in the quarantine, or in the
   * blob's own place without a fact. Reads the whole copy to verify it. The blob is durable when
   * this returns true, but it gets no link.
   */
  boolean takeBack(Digest digest) throws IOException {
    Path place = layout.blob(digest);
    Object before = BlobVerifier.identity(place);
    Optional<Path> found =
        Quarantine.isWhole(place, digest) ? Optional.of(place) : quarantine.find(digest);
    if (found.isEmpty()) {
      return false;
    }
    synchronized (lock(digest)) {
      if (size(digest).isPresent()) {
        return true;
      }
      if (found.get().equals(place)) {
        if (!Objects.equals(before, BlobVerifier.identity(place))) {
          return false;
        }
        space.found(Files.size(place));
      } else {
        Path directory = layout.createBlobDirectory(digest);
        if (!quarantine.takeBack(found.get(), place)) {
          return false;
        }
        Layout.sync(directory);
      }
      long size = Files.size(layout.blob(digest));
      try {
        putFact(digest, size, Optional.empty()).ifPresent(space::give);
      } catch (IOException | RuntimeException e) {
        space.give(size); // without a fact it is not content
        throw e;
      }
      return true;
    }
  }

  /** Returns whether the blob has a file but no fact. */
  boolean isUnknown(Digest digest) {
    if (index.get(Keys.blob(digest)) != null) {
      return false;
    }
    removals.writeLock().lock();
    try {
      synchronized (lock(digest)) { // a commit writes the fact after the file
        return index.get(Keys.blob(digest)) == null && Files.exists(layout.blob(digest));
      }
    } finally {
      removals.writeLock().unlock();
    }
  }

  /** Sets the file of a blob aside unless the blob has a fact. Returns whether it did. */
  boolean setAsideUnknown(Digest digest, String why) throws IOException {
    removals.writeLock().lock();
    try {
      synchronized (lock(digest)) {
        return setAsideWithoutFact(digest, why);
      }
    } finally {
      removals.writeLock().unlock();
    }
  }

  /**
   * Sets the file of a blob aside unless the blob has a fact. The caller holds the lock of the
   * digest. A file that may be the only copy of pushed content is kept until the quarantine is
   * emptied.
   */
  private boolean setAsideWithoutFact(Digest digest, String why) throws IOException {
    return index.get(Keys.blob(digest)) == null
        && quarantine.setAside(
            layout.blob(digest), Quarantine.nameOf(digest), why, retention(digest));
  }

  private Quarantine.Retention retention(Digest digest) {
    return damaged
        .find(digest, DamagedContent.Form.BLOB)
        .map(damage -> retention(damage.origin()))
        .orElse(Quarantine.Retention.EXPIRES);
  }

  private static Quarantine.Retention retention(Origin origin) {
    return origin == Origin.PUSHED ? Quarantine.Retention.RESERVED : Quarantine.Retention.EXPIRES;
  }

  /** Removes the fact of a blob. The caller removes the file after the batch is synced. */
  static void removeFact(Index.Batch batch, Digest digest, long size) throws RocksDBException {
    batch.delete(Keys.blob(digest));
    batch.delete(Keys.verified(digest));
    addBytes(batch, -size);
  }

  /** Writes a link with {@code now} as its last use. A pushed link stays pushed. */
  static void putLink(
      Index.Batch batch, RepositoryName repository, Digest digest, Origin origin, Instant now)
      throws RocksDBException {
    byte[] old = batch.get(Keys.blobLink(repository, digest));
    boolean isPushed =
        origin == Origin.PUSHED || (old != null && LinkFact.decode(old).origin() == Origin.PUSHED);
    Holders.link(batch, repository, digest, new LinkFact(isPushed ? Origin.PUSHED : origin, now));
  }

  /** Decodes an 8-byte number, such as the value of {@link Keys#BLOB_BYTES}; null is 0. */
  static long bytes(byte @Nullable [] value) {
    return value == null ? 0 : ByteBuffer.wrap(value).getLong();
  }

  static byte[] bytes(long count) {
    return ByteBuffer.allocate(Long.BYTES).putLong(count).array();
  }

  private static void addBytes(Index.Batch batch, long count) throws RocksDBException {
    batch.add(Keys.family(Keys.BLOB_BYTES), count);
  }

  private Optional<Blob> openFile(Digest digest) throws IOException {
    byte[] fact = index.get(Keys.blob(digest));
    if (fact == null) {
      return Optional.empty();
    }
    long size = BlobFact.decode(fact).size();
    FileChannel channel;
    try {
      channel = FileChannel.open(layout.blob(digest), StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      inspect(digest);
      return Optional.empty();
    }
    if (channel.size() != size) {
      channel.close();
      inspect(digest);
      return Optional.empty();
    }
    return Optional.of(new Blob(this, digest, channel, size));
  }

  /**
   * Writes the facts of a commit. Returns the length in bytes of the blob that it replaces, if any.
   */
  private OptionalLong putFact(Digest digest, long size, Optional<RepositoryName> pushedTo)
      throws IOException {
    Instant now = clock.instant();
    return index.write(
        Index.Durability.SYNCED,
        batch -> {
          byte[] key = Keys.blob(digest);
          byte[] value = batch.get(key);
          Optional<BlobFact> old = Optional.ofNullable(value).map(BlobFact::decode);
          batch.put(
              key, new BlobFact(size, old.map(BlobFact::firstSeen).orElse(now), now).encoded());
          batch.delete(Keys.verified(digest));
          addBytes(batch, size - old.map(BlobFact::size).orElse(0L));
          damaged.heal(
              batch,
              digest,
              DamagedContent.Form.BLOB,
              pushedTo.isPresent()
                  ? DamagedContent.Healing.PUSHED
                  : DamagedContent.Healing.REFETCHED);
          if (pushedTo.isPresent()) {
            putLink(batch, pushedTo.get(), digest, Origin.PUSHED, now);
          }
          return old.isPresent() ? OptionalLong.of(old.get().size()) : OptionalLong.empty();
        });
  }

  /**
   * Verifies the stored copy on a new virtual thread because reading it failed, and asks idle
   * holders to close it. Does not block. At most one verification per blob runs at a time.
   */
  void suspect(Digest digest) {
    if (suspects.add(digest)) {
      Thread.ofVirtual().name("verify").start(() -> verifySuspect(digest));
    }
  }

  private void verifySuspect(Digest digest) {
    try {
      letGo(digest);
      verify(digest, BlobVerifier.Pace.NONE);
    } catch (IOException | RuntimeException e) {
      LOG.atError().addKeyValue("digest", digest).setCause(e).log("blob not verified");
    } finally {
      suspects.remove(digest);
    }
  }

  /**
   * Checks that the blob's file exists and has the right length. If not, the blob is no longer
   * stored.
   *
   * @return the kind of damage; empty if there is none, or the blob is not stored
   */
  Optional<FindingKind> inspect(Digest digest) throws IOException {
    OptionalLong size = size(digest);
    return size.isPresent() ? inspect(digest, size.getAsLong()) : Optional.empty();
  }

  private Optional<FindingKind> inspect(Digest digest, long size) throws IOException {
    Optional<BlobVerifier.Fault> fault = BlobVerifier.inspect(layout.blob(digest), size);
    return fault.isPresent() ? damaged(digest, fault.get()) : Optional.empty();
  }

  /**
   * Reads and hashes the blob, and records that it was verified. A damaged blob is no longer
   * stored.
   *
   * @return the kind of damage; empty if there is none, or the blob is not stored
   * @throws IOException if the blob cannot be checked
   */
  Optional<FindingKind> verify(Digest digest, BlobVerifier.Pace pace) throws IOException {
    OptionalLong size = size(digest);
    if (size.isEmpty()) {
      return Optional.empty();
    }
    Optional<BlobVerifier.Fault> fault =
        BlobVerifier.verify(layout.blob(digest), digest, size.getAsLong(), pace);
    if (fault.isPresent()) {
      return damaged(digest, fault.get());
    }
    noteVerified(digest);
    return Optional.empty();
  }

  /**
   * Returns when the blob was last verified, by a check or when it was stored. A time in the future
   * is unknown and counts as the epoch.
   */
  static Instant lastVerified(Index index, Digest digest, BlobFact fact, Instant now) {
    byte[] noted = index.get(Keys.verified(digest));
    Instant stored = known(fact.lastUsed(), now);
    Instant verified = noted == null ? stored : known(Instant.ofEpochMilli(bytes(noted)), now);
    return verified.isAfter(stored) ? verified : stored;
  }

  private static Instant known(Instant stored, Instant now) {
    return StoredTime.isUnknown(stored, now) ? Instant.EPOCH : stored;
  }

  private void noteVerified(Digest digest) throws IOException {
    long now = clock.instant().toEpochMilli();
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          if (batch.get(Keys.blob(digest)) != null) {
            batch.put(Keys.verified(digest), bytes(now));
          }
          return true;
        });
  }

  /**
   * Records that the examined file is damaged, unless another file has replaced it since. The blob
   * is then no longer stored in any repository, and its file is set aside.
   *
   * @return the kind of damage, if the blob was stored until now
   */
  private Optional<FindingKind> damaged(Digest digest, BlobVerifier.Fault fault)
      throws IOException {
    Origin origin = origin(digest);
    long size;
    synchronized (lock(digest)) {
      if (!Objects.equals(BlobVerifier.identity(layout.blob(digest)), fault.file())) {
        return Optional.empty();
      }
      size = putDamage(digest, fault.kind(), origin);
      if (size < 0) {
        return Optional.empty();
      }
      try {
        quarantine.setAside(
            layout.blob(digest),
            Quarantine.nameOf(digest),
            "the content is damaged: " + fault.reason(),
            retention(origin));
      } finally { // the fact is gone even if the file could not be moved
        space.give(size);
        renew(digest);
        DamagedContent.log(origin, digest, fault.reason());
      }
    }
    return Optional.of(fault.kind());
  }

  /** Records the damage. Returns the size of the blob in bytes, or -1 if it is not stored. */
  private long putDamage(Digest digest, FindingKind kind, Origin origin) throws IOException {
    Instant now = clock.instant();
    return index.write(
        Index.Durability.SYNCED,
        batch -> {
          byte[] value = batch.get(Keys.blob(digest));
          if (value == null) {
            return -1L;
          }
          long size = BlobFact.decode(value).size();
          removeFact(batch, digest, size);
          damaged.add(
              batch, digest, DamagedContent.Form.BLOB, new DamageFact(kind, origin, size, now));
          return size;
        });
  }

  private Origin origin(Digest digest) {
    return Holders.origin(index, Keys.linkers(digest), name -> Keys.blobLink(name, digest));
  }

  /**
   * Invalidates earlier responses with the blob in all repositories, and asks idle holders to close
   * its file.
   */
  private void renew(Digest digest) throws IOException {
    byte[] prefix = Keys.linkers(digest);
    index.walk(
        prefix,
        (key, value) -> versions.changed(new RepositoryName(Keys.textAfter(prefix.length, key))));
    letGo(digest);
  }

  /**
   * Returns the lock of a blob's file and directory. Blobs with the same first byte of the hash
   * share it.
   */
  private Object lock(Digest digest) {
    return locks[Integer.parseInt(digest.hex(), 0, 2, 16)];
  }

  private static void add(ConcurrentHashMap<Digest, Integer> counts, Digest digest) {
    counts.merge(digest, 1, Integer::sum);
  }

  private void closed(ConcurrentHashMap<Digest, Integer> counts, Digest digest) {
    counts.computeIfPresent(digest, (key, count) -> count == 1 ? null : count - 1);
    closings.incrementAndGet();
  }
}
