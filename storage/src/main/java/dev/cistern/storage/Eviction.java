package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.NamesFact;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Eviction of content that can be fetched again. It removes abandoned downloads first, then cached
 * images, least recently used first, then cached blobs that no manifest references. If that frees
 * too little, it collects garbage before the next scheduled collection.
 *
 * <p>One change of the index decides on an image and removes it ({@link Images}), so that no push,
 * tag or pin comes between the two. The files are removed after that change is synced.
 */
final class Eviction implements Space.Relief {
  private static final Logger LOG = LoggerFactory.getLogger(Eviction.class);

  /**
   * Content that was stored or used within this time, or the grace period if shorter, is not
   * pruned.
   */
  private static final Duration SPARED = Duration.ofMinutes(10);

  private final Layout layout;
  private final Index index;
  private final Space space;
  private final Blobs blobs;
  private final Garbage garbage;
  private final Duration grace;
  private final InstantSource clock;
  private final Versions versions;
  private final Uses uses;
  private final ManifestNames names;
  private final LongAdder images = new LongAdder();
  private final LongAdder bytes = new LongAdder();

  Eviction(
      Layout layout,
      Index index,
      Space space,
      Blobs blobs,
      Garbage garbage,
      Duration grace,
      InstantSource clock,
      Versions versions,
      Uses uses) {
    this.layout = layout;
    this.index = index;
    this.space = space;
    this.blobs = blobs;
    this.garbage = garbage;
    this.grace = grace;
    this.clock = clock;
    this.versions = versions;
    this.uses = uses;
    this.names = new ManifestNames(index);
  }

  @Override
  public long chances() {
    return index.changes() + blobs.closings();
  }

  @Override
  public long free(long wanted) throws IOException {
    if (blobs.isIndexRepaired()) {
      return 0; // blob files would be set aside, which frees no space
    }
    space.indexMeasured(Layout.bytesIn(layout.index()));
    uses.flush();
    long imagesBefore = images.sum();
    long freed = removeDownloads(wanted);
    freed += removeImages(wanted - freed, false);
    freed += removeImages(wanted - freed, true);
    freed += removeBlobs(wanted - freed);
    if (freed < wanted) {
      freed += garbage.collect(grace).bytes();
      freed += removeBlobs(wanted - freed);
    }
    bytes.add(freed);
    LOG.atInfo()
        .addKeyValue("wanted", wanted)
        .addKeyValue("freed", freed)
        .addKeyValue("images", images.sum() - imagesBefore)
        .log("eviction");
    return freed;
  }

  /** Removes one cached image now. */
  Purge purge(RepositoryName repository, Reference reference) throws IOException {
    Images.Outcome outcome = remove(repository, reference, Instant.MAX, true);
    return switch (outcome) {
      case Images.Outcome.Removed removed -> {
        LOG.atInfo()
            .addKeyValue("repository", repository)
            .addKeyValue("reference", reference)
            .addKeyValue("bytes", removed.bytes())
            .log("purged");
        yield new Purge.Purged(removed.bytes());
      }
      case Images.Outcome.Kept(Purge why) -> why;
      case Images.Outcome.Attached attached ->
          throw new IllegalStateException("attached manifests may be purged");
      case Images.Outcome.UsedLater later ->
          throw new IllegalStateException("nothing is used later than ever");
    };
  }

  /**
   * Removes a manifest from a repository, with the links of the repository and the stored content
   * that only this manifest needs.
   *
   * @param notAfter content that was used after this time stays
   */
  Pruned prune(RepositoryName repository, Digest manifest, Instant notAfter) throws IOException {
    letGo(manifest);
    Instant limit = spared(notAfter);
    try (Blobs.Removal _ = blobs.removal()) {
      Pruned pruned =
          index.decide(Index.Durability.SYNCED, batch -> prune(batch, repository, manifest, limit));
      if (pruned instanceof Pruned.Removed removed) {
        removeFiles(repository, removed.blobs());
      }
      return pruned;
    } catch (OciException e) {
      return new Pruned.Kept(e.message());
    }
  }

  /** Returns the result that {@link #prune} would have. Changes only the trial. */
  Pruned tryPrune(Index.Trial trial, RepositoryName repository, Digest manifest, Instant notAfter)
      throws IOException {
    letGo(manifest);
    Instant limit = spared(notAfter);
    return trial.apply(batch -> prune(batch, repository, manifest, limit));
  }

  /**
   * Returns {@code notAfter}, or an earlier time that spares content that a push in progress may be
   * about to reference.
   */
  private Instant spared(Instant notAfter) {
    Instant latest = clock.instant().minus(grace.compareTo(SPARED) < 0 ? grace : SPARED);
    return notAfter.isBefore(latest) ? notAfter : latest;
  }

  private Pruned prune(
      Index.Batch batch, RepositoryName repository, Digest manifest, Instant notAfter)
      throws RocksDBException {
    return new Pruning(batch, repository, uses, blobs::isRead, notAfter).remove(manifest);
  }

  /** Asks idle holders to close the blobs of a manifest. */
  private void letGo(Digest manifest) {
    byte[] names = index.get(Keys.names(manifest));
    if (names != null) {
      NamesFact.decode(names).blobs().filter(blobs::isRead).forEach(blobs::letGo);
    }
  }

  /** Returns the number of images that were evicted since the store was opened. */
  long images() {
    return images.sum();
  }

  /** Returns the number of bytes that evictions freed since the store was opened. */
  long bytes() {
    return bytes.sum();
  }

  private long removeDownloads(long wanted) throws IOException {
    var downloads = new ArrayList<Download>();
    for (Path file : Layout.list(layout.fills())) {
      Optional<Digest> digest = Layout.fillOf(file);
      if (digest.isPresent()) {
        long now = clock.millis();
        downloads.add(
            new Download(
                Math.min(file.toFile().lastModified(), now), digest.get(), Layout.sizeOf(file)));
      }
    }
    downloads.sort(Comparator.comparingLong(Download::lastModified));
    long freed = 0;
    for (Download download : downloads) {
      if (freed < wanted && blobs.removeDownload(download.digest())) {
        freed += download.bytes();
      }
    }
    return freed;
  }

  private record Download(long lastModified, Digest digest, long bytes) {}

  private long removeImages(long wanted, boolean alsoAttached) throws IOException {
    long freed = 0;
    boolean isProgress = true;
    while (isProgress && freed < wanted) {
      isProgress = false;
      Oldest oldest = Oldest.cachedManifests(index);
      for (Optional<Oldest.Entry> next = oldest.next();
          next.isPresent() && freed < wanted;
          next = oldest.next()) {
        Oldest.Entry entry = next.get();
        switch (evict(entry, alsoAttached)) {
          case Images.Outcome.Removed removed -> {
            isProgress = true;
            freed += removed.bytes();
            images.increment();
          }
          case Images.Outcome.UsedLater(Instant lastUsed) -> oldest.later(entry, lastUsed);
          case Images.Outcome.Kept kept -> {}
          case Images.Outcome.Attached attached -> {}
        }
      }
    }
    return freed;
  }

  private Images.Outcome evict(Oldest.Entry entry, boolean alsoAttached) throws IOException {
    try {
      return remove(entry.repository(), entry.manifest(), entry.lastUsed(), alsoAttached);
    } catch (OciException e) { // too many concurrent changes of the repository
      return new Images.Outcome.Kept(new Purge.Absent());
    }
  }

  private long removeBlobs(long wanted) throws IOException {
    long freed = 0;
    Oldest oldest = Oldest.unnamedBlobs(index);
    while (freed < wanted) {
      Optional<Oldest.Entry> next = oldest.next();
      if (next.isEmpty()) {
        break;
      }
      freed += evict(next.get().blob());
    }
    return freed;
  }

  private long evict(Digest blob) throws IOException {
    try {
      return remove(blob);
    } catch (OciException e) { // too many concurrent changes of its links
      return 0;
    }
  }

  private Images.Outcome remove(
      RepositoryName repository, Reference reference, Instant notAfter, boolean alsoAttached)
      throws IOException {
    Images.Outcome outcome = tryRemove(repository, reference, notAfter, alsoAttached);
    while (outcome instanceof Images.Outcome.Kept(Purge why) && isMended(why)) {
      outcome = tryRemove(repository, reference, notAfter, alsoAttached);
    }
    return outcome;
  }

  private Images.Outcome tryRemove(
      RepositoryName repository, Reference reference, Instant notAfter, boolean alsoAttached)
      throws IOException {
    try (Blobs.Removal _ = blobs.removal()) {
      Images.Outcome outcome =
          index.decide(
              Index.Durability.SYNCED,
              batch -> {
                var there = new Images(batch, repository, uses, blobs::isRead);
                Optional<Digest> digest = there.resolve(reference);
                return digest.isPresent()
                    ? there.remove(digest.get(), notAfter, alsoAttached)
                    : new Images.Outcome.Kept(new Purge.Absent());
              });
      if (outcome instanceof Images.Outcome.Removed removed) {
        removeFiles(repository, removed.blobs());
      }
      return outcome;
    }
  }

  /**
   * Removes the files of blobs whose facts are removed, and invalidates earlier responses of the
   * repository.
   */
  private void removeFiles(RepositoryName repository, Map<Digest, Long> removed)
      throws IOException {
    versions.changed(repository);
    for (Map.Entry<Digest, Long> blob : removed.entrySet()) {
      blobs.removeFile(blob.getKey(), blob.getValue());
    }
  }

  /** Resolves the reason why an image stays, if possible. Returns whether it no longer applies. */
  private boolean isMended(Purge why) throws IOException {
    return switch (why) {
      case Purge.Read(Digest blob) -> isLetGo(blob);
      case Purge.NotKnown(Digest manifest) -> names.learn(manifest).isPresent();
      default -> false;
    };
  }

  private boolean isLetGo(Digest blob) {
    blobs.letGo(blob);
    return !blobs.isRead(blob);
  }

  /** Removes a cached blob that no manifest references, with its links. Returns the freed bytes. */
  private long remove(Digest digest) throws IOException {
    if (blobs.isRead(digest)) {
      blobs.letGo(digest);
    }
    try (Blobs.Removal _ = blobs.removal()) {
      Optional<Long> size =
          index.decide(
              Index.Durability.SYNCED,
              batch -> {
                byte[] fact = batch.get(Keys.blob(digest));
                return fact == null || !mayGo(batch, digest)
                    ? Optional.empty()
                    : Optional.of(take(batch, digest, BlobFact.decode(fact).size()));
              });
      if (size.isEmpty()) {
        return 0;
      }
      blobs.removeFile(digest, size.get());
      return size.get();
    }
  }

  private boolean mayGo(Index.Batch batch, Digest digest) throws RocksDBException {
    batch.require(() -> !blobs.isRead(digest));
    return !Holders.isNamed(batch, digest)
        && !Holders.isPushed(batch, digest)
        && !blobs.isRead(digest);
  }

  private static long take(Index.Batch batch, Digest digest, long size) throws RocksDBException {
    for (RepositoryName repository : Holders.linkers(batch, digest, Integer.MAX_VALUE)) {
      Holders.unlink(batch, repository, digest);
    }
    Blobs.removeFact(batch, digest, size);
    return size;
  }
}
