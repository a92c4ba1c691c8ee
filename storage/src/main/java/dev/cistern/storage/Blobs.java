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
 * The stored blobs. Each is stored once, whoever uses it; a repository reaches it only through a
 * link of its own.
 *
 * <p>A blob's file comes before its fact and goes after it, each under a lock of the digest: {@link
 * #commit} holds it from the rename to the fact, {@link #removeFile} looks under it whether the
 * fact has come back. So no order of the two leaves a fact without its file; a kill between them
 * leaves a file without a fact, which {@link Sweep} sets aside. While a removal runs ({@link
 * #removal}), its files have no facts either; no file counts as unknown then.
 *
 * <p>Safe for all threads; reads of facts take microseconds, the rest may wait for the disk.
 */
public final class Blobs {
  private static final Logger LOG = LoggerFactory.getLogger(Blobs.class);
  private static final int LOCKS = 256;

  /** How old a link must be before a use of it is written down. */
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

  /** Blobs that are being verified on threads of their own. */
  private final Set<Digest> suspects = ConcurrentHashMap.newKeySet();

  /** Read: between facts and files of a removal. Written: to look for unknown files. */
  private final ReentrantReadWriteLock removals = new ReentrantReadWriteLock();

  private final Object[] locks = new Object[LOCKS];
  private final ConcurrentHashMap<Digest, Integer> readers = new ConcurrentHashMap<>();
  private final ConcurrentHashMap<Digest, Integer> downloads = new ConcurrentHashMap<>();
  private final List<Consumer<Digest>> idleHolders = new CopyOnWriteArrayList<>();

  /** How often something was closed that may now be removed. */
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

  /** Says whether {@code repository} has a link to the blob, whether the content is here or not. */
  public boolean isLinked(RepositoryName repository, Digest digest) {
    return index.get(Keys.blobLink(repository, digest)) != null;
  }

  /** Returns the size in bytes of the blob if its content is here. */
  public OptionalLong size(Digest digest) {
    byte[] fact = index.get(Keys.blob(digest));
    return fact == null ? OptionalLong.empty() : OptionalLong.of(BlobFact.decode(fact).size());
  }

  /**
   * Returns the size in bytes of the blob if it is stored and its file is there and has this size;
   * one whose file is missing or has another size is not stored from then on. Looks at the disk.
   */
  public OptionalLong presentSize(Digest digest) throws IOException {
    OptionalLong size = size(digest);
    return size.isPresent() && inspect(digest, size.getAsLong()).isPresent()
        ? OptionalLong.empty()
        : size;
  }

  /**
   * Keeps the repository's link, if it has one, from being collected or pruned for a while: called
   * before a client is told that the blob is here, since it will then put a manifest that names it.
   * Waits for the index at most once a minute.
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

  /** Opens the blob if its content is here; the caller releases it. */
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
   * Adds one who keeps blobs open that it is not reading. It is told a digest before that blob
   * would be skipped by an eviction as being read, and must release it before it returns.
   */
  public void addIdleHolder(Consumer<Digest> letGo) {
    idleHolders.add(letGo);
  }

  /**
   * Lets {@code repository} reach the blob. A pushed link is written only if the content is here; a
   * cached one may be there before it.
   *
   * @return whether the content is here; it was so when the link was written
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

  /** Takes the blob from {@code repository}; returns false if it had none. Others keep theirs. */
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

  /** Opens the file of a download of {@code digest}, which may have something in it. */
  public PartialBlob partial(Digest digest) throws IOException {
    index.requireWritable();
    synchronized (lock(digest)) {
      var file = GrowingFile.open(layout.fill(digest), space, digest.algorithm());
      add(downloads, digest);
      return new PartialBlob(this, digest, file);
    }
  }

  /** Ends what {@link #open} began. */
  void closed(Digest digest) {
    closed(readers, digest);
  }

  /** Ends what {@link #partial} began. */
  void closed(Digest digest, GrowingFile file) throws IOException {
    try {
      file.close();
    } finally {
      closed(downloads, digest);
    }
  }

  /** Removes the file of a download; returns false if it is open, or there is none. */
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

  /** Returns how many bytes an unfinished download of {@code digest} has left; 0 for none. */
  public long partialLength(Digest digest) throws IOException {
    try {
      return Files.size(layout.fill(digest));
    } catch (NoSuchFileException e) {
      return 0;
    }
  }

  /**
   * Makes a whole and verified file the blob, durably, and links it. It replaces the file that is
   * there, which was verified once; its readers are not disturbed.
   *
   * @throws IOException also if the file is not as long as what was verified
   */
  void commit(GrowingFile file, Digest digest, Optional<RepositoryName> pushedTo)
      throws IOException {
    file.sync(); // before the lock, since it may take long
    OptionalLong replaced;
    synchronized (lock(digest)) {
      if (file.channel().size() != file.length()) {
        throw new EOFException("the file of " + digest + " was cut while it was written");
      }
      layout.commit(file.path(), digest);
      try {
        replaced = putFact(digest, file.length(), pushedTo);
      } catch (IOException | RuntimeException e) {
        space.give(file.handOver()); // without its facts it counts as no content
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
   * Says whether somebody reads the blob, or still follows the download that brought it. On the
   * index's thread this is a decision's ground.
   */
  boolean isRead(Digest digest) {
    return readers.containsKey(digest) || downloads.containsKey(digest);
  }

  /** Asks those who keep the blob open without reading it to let it go. */
  void letGo(Digest digest) {
    idleHolders.forEach(holder -> holder.accept(digest));
  }

  /** Returns a number that moves when something was closed that may now be removed. */
  long closings() {
    return closings.get();
  }

  /** Returns whether the index has lost facts and no check of the store has followed. */
  boolean isIndexRepaired() {
    return isRepaired.getAsBoolean();
  }

  /** What takes facts of blobs out of the index, and their files after that. */
  interface Removal extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Begins a removal, to be closed by the same thread. No file counts as unknown while one is open.
   */
  Removal removal() {
    removals.readLock().lock();
    return removals.readLock()::unlock;
  }

  /**
   * Removes the file of a blob whose fact is gone, durably, unless the blob has come back. If the
   * index has lost facts ({@link Store#repair}), the file is set aside. Part of a {@link Removal}.
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
   * Stores the content of a digest as a blob if it lies whole in the quarantine, or in its place
   * without a fact; reads it to know. Durable when it returns true; no repository links it by that.
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
        space.give(size); // without its facts it counts as no content
        throw e;
      }
      return true;
    }
  }

  /** Returns whether there is a file for a blob that no fact names. */
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

  /** Sets the file of a blob aside unless a fact names it; returns whether it did. */
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
   * Sets the file of a blob aside unless a fact names it; under the lock of the digest. What may be
   * the only copy of pushed content is kept until the quarantine is emptied.
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

  /** Removes a blob's fact; its file goes after the batch is synced. */
  static void removeFact(Index.Batch batch, Digest digest, long size) throws RocksDBException {
    batch.delete(Keys.blob(digest));
    batch.delete(Keys.verified(digest));
    addBytes(batch, -size);
  }

  /** Writes a link unless there is one that is worth more; it is used now in any case. */
  static void putLink(
      Index.Batch batch, RepositoryName repository, Digest digest, Origin origin, Instant now)
      throws RocksDBException {
    byte[] old = batch.get(Keys.blobLink(repository, digest));
    boolean isPushed =
        origin == Origin.PUSHED || (old != null && LinkFact.decode(old).origin() == Origin.PUSHED);
    Holders.link(batch, repository, digest, new LinkFact(isPushed ? Origin.PUSHED : origin, now));
  }

  /** Returns the bytes of all blobs, as the value of {@link Keys#BLOB_BYTES} says. */
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

  /** Writes the facts of a commit; returns the length of what it replaces. */
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
   * Verifies the stored copy on a thread of its own, since reading it failed, and closes it where
   * it is only kept open. Does not block; each blob is verified once at a time.
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
   * Looks whether the blob's file is there and has its length; if not, the blob is not stored from
   * then on.
   *
   * @return what is wrong with it; empty also for a blob that is not stored
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
   * Reads the blob and notes that it was verified; if it is damaged, it is not stored from then on.
   *
   * @return what is wrong with it; empty also for a blob that is not stored
   * @throws IOException if it cannot be found out
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
   * Returns when the blob was last verified: by a check, or when it came. A time in the future is
   * unknown, and the epoch.
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
   * Notes that the file that was looked at is damaged, unless another has replaced it since: the
   * blob is not stored from then on, in any repository, and its file is set aside.
   *
   * @return what is wrong, if the blob was stored until now
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
      } finally { // the fact is gone, whether the file could be moved or not
        space.give(size);
        renew(digest);
        DamagedContent.log(origin, digest, fault.reason());
      }
    }
    return Optional.of(fault.kind());
  }

  /** Returns the size of the blob that is damaged from now on, or -1 if it is not stored. */
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

  /** Returns whether a client pushed the blob to some repository. */
  private Origin origin(Digest digest) {
    byte[] prefix = Keys.linkers(digest);
    List<Index.Entry> page = index.page(prefix, prefix);
    while (!page.isEmpty()) {
      for (Index.Entry linker : page) {
        var name = new RepositoryName(Keys.textAfter(prefix.length, linker.key()));
        byte[] link = index.get(Keys.blobLink(name, digest));
        if (link != null && LinkFact.decode(link).origin() == Origin.PUSHED) {
          return Origin.PUSHED;
        }
      }
      page = index.page(prefix, Keys.after(page.getLast().key()));
    }
    return Origin.CACHED;
  }

  /** Makes earlier answers with the blob wrong, in all repositories, and has its file closed. */
  private void renew(Digest digest) throws IOException {
    byte[] prefix = Keys.linkers(digest);
    index.walk(
        prefix,
        (key, value) -> versions.changed(new RepositoryName(Keys.textAfter(prefix.length, key))));
    letGo(digest);
  }

  /** Returns what guards a blob's file and directory, and those of some others. */
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
