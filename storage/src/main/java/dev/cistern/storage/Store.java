package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.IOException;
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
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All that is kept, in one directory: content by digest in files, the facts about it in an index.
 *
 * <p>Order of durability: file synced, renamed, directory synced, then the facts with their log
 * synced; never a fact before its content. So after a kill at any instant all that was acknowledged
 * is there and whole, and what was not leaves at most a file in {@code fills} or {@code uploads},
 * which is gone on with or expires, or a blob's file that no fact names, which is replaced when the
 * blob comes again or set aside by {@link #sweep}. Opening reads none of the content and looks
 * through no facts. Nothing stored is deleted because no fact knows it: see {@link Quarantine}.
 */
public final class Store implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Store.class);

  private final Layout layout;
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
  private final InstantSource clock;

  private Store(
      Layout layout,
      FileChannel lock,
      Index index,
      StorageLimits limits,
      Space space,
      Quarantine quarantine,
      InstantSource clock) {
    this.layout = layout;
    this.lock = lock;
    this.index = index;
    this.limits = limits;
    this.space = space;
    this.quarantine = quarantine;
    this.clock = clock;
    var versions = new Versions();
    this.uses = new Uses(index, clock);
    this.damaged = new DamagedContent(index);
    this.blobs =
        new Blobs(layout, index, space, quarantine, clock, versions, limits.grace(), damaged);
    this.garbage = new Garbage(index, blobs, damaged, versions, clock);
    this.eviction =
        new Eviction(layout, index, space, blobs, garbage, limits.grace(), clock, versions, uses);
    this.objects = new Objects(index);
    this.repositories = new Repositories(index, clock, versions, uses, eviction, objects, damaged);
    this.uploads = new Uploads(layout, index, space, blobs, clock);
    this.sweep = new Sweep(layout, index, space, blobs, quarantine);
    space.relieveWith(eviction);
  }

  /** Same as {@link #open(Path, StorageLimits, InstantSource)}, without limits. */
  public static Store open(Path directory, InstantSource clock) throws IOException {
    return open(directory, StorageLimits.NONE, clock);
  }

  /**
   * Opens the store in {@code directory}, made if it is not there.
   *
   * @throws IOException if it cannot be read or written, another process has it open, or a newer
   *     version wrote it
   */
  public static Store open(Path directory, StorageLimits limits, InstantSource clock)
      throws IOException {
    var layout = new Layout(directory);
    layout.create();
    FileChannel lock =
        FileChannel.open(layout.lock(), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    if (tryLock(lock) == null) {
      lock.close();
      throw new IOException("another process has the store in " + directory + " open");
    }
    Index index = Index.open(layout.index());
    try {
      Format.upgrade(index);
      var space = new Space(Files.getFileStore(directory), limits, clock);
      space.found(Blobs.bytes(index.get(Keys.family(Keys.BLOB_BYTES))));
      space.found(Layout.bytesIn(layout.fills()) + Layout.bytesIn(layout.uploads()));
      space.indexMeasured(Layout.bytesIn(layout.index()));
      Quarantine quarantine = Quarantine.open(layout, space, clock, limits.quarantine());
      return new Store(layout, lock, index, limits, space, quarantine, clock);
    } catch (IOException | RuntimeException e) {
      index.close();
      lock.close();
      throw e;
    }
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
   * Removes downloads to which nothing was added for {@code idle} and which {@code running} does
   * not name; returns how many. The names are those of the files: {@code sha256-HEX}.
   */
  public int expireFills(Duration idle, Predicate<String> running) throws IOException {
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
   * Removes files that were set aside longer ago than the limits say, except damaged pushed
   * content; returns how many.
   */
  public int expireQuarantine() throws IOException {
    return quarantine.expire();
  }

  /** Removes all files that were set aside, damaged pushed content too; returns how many. */
  public int emptyQuarantine() throws IOException {
    return quarantine.empty();
  }

  /** Returns how many bytes the files have that were set aside. */
  public long quarantineBytes() {
    return quarantine.bytes();
  }

  /**
   * Returns whether more content is unknown to the index than a kill could have left. Nothing is
   * set aside then; {@code cistern fsck} tells more.
   */
  public boolean isDoubtful() {
    return sweep.isDoubtful();
  }

  /** Returns how many bytes of files are counted. */
  long contentBytes() {
    return space.content();
  }

  /** Returns how full the store is. */
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
   * Removes what nothing reaches: what was deleted, and pushed blobs for which no manifest came
   * within the grace. May run beside everything else.
   */
  public Collected collect() throws IOException {
    return garbage.collect(limits.grace());
  }

  /**
   * Removes a blob that nothing reaches now, however young.
   *
   * @return whether it is gone; not if something reaches it
   */
  public boolean discard(Digest blob) throws IOException {
    return garbage.discard(blob);
  }

  /** Writes down what was used, and makes room if it is scarce before somebody needs it. */
  public void relieve() throws IOException {
    uses.flush();
    space.indexMeasured(Layout.bytesIn(layout.index()));
    space.relieve();
  }

  /**
   * Sets aside the files that no fact names, which a kill may have left, unless they are too many;
   * returns how many. Lists all files, so it is for after the start.
   */
  public int sweep() throws IOException {
    return sweep.blobs() + sweep.uploads() + sweep.fills();
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
