package dev.cistern.storage;

import dev.cistern.base.ClockJumps;
import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.NamesFact;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Garbage collection while the server runs. It removes manifests that no repository links, links of
 * pushed blobs for which no manifest was pushed, and blobs that no repository links and no manifest
 * references.
 *
 * <p>A collection reads the index concurrently with all other work. Each removal then checks again
 * in a change of its own, so that content that was pushed, mounted or linked meanwhile stays. After
 * a client was told that a blob is stored ({@link Blobs#keep}), it has the grace period, less at
 * most one minute, to push its manifest.
 */
final class Garbage {
  private static final Logger LOG = LoggerFactory.getLogger(Garbage.class);

  private final Index index;
  private final Blobs blobs;
  private final DamagedContent damaged;
  private final Versions versions;
  private final InstantSource clock;
  private final ClockJumps jumps;
  private final LongAdder bytes = new LongAdder();

  Garbage(
      Index index,
      Blobs blobs,
      DamagedContent damaged,
      Versions versions,
      InstantSource clock,
      ClockJumps jumps) {
    this.index = index;
    this.blobs = blobs;
    this.damaged = damaged;
    this.versions = versions;
    this.clock = clock;
    this.jumps = jumps;
  }

  /** A removal of the item of one key. */
  private interface Removal {
    boolean remove(byte[] key) throws IOException;
  }

  /** A test whether a key may be garbage. */
  private interface Suspicion {
    boolean falls(byte[] key, byte[] value);
  }

  /**
   * Removes the garbage. Blobs and pushed links stay unless they are older than {@code grace}.
   * Removes nothing if the index has lost facts ({@link Store#repair}), because garbage cannot be
   * told from content whose facts are lost. Removes nothing for one grace period after the clock
   * jumped forward.
   */
  Collected collect(Duration grace) throws IOException {
    if (blobs.isIndexRepaired() || jumps.holds(grace)) {
      return new Collected(0, 0, 0, 0);
    }
    Instant limit = clock.instant().minus(grace);
    long before = bytes.sum();
    int manifests =
        removeAll(
            Keys.MANIFEST,
            (key, value) -> !index.hasAny(Keys.keepers(Keys.digestAfter(1, key))),
            key -> removeManifest(Keys.digestAfter(1, key)));
    int links =
        removeAll(
            Keys.BLOB_LINK,
            (key, value) -> isOldPush(LinkFact.decode(value), limit),
            key -> {
              RepositoryName repository = Keys.scopeOf(key);
              return removeLink(repository, Keys.digestIn(repository, key), limit);
            });
    int removed =
        removeAll(
            Keys.BLOB,
            (key, value) ->
                !index.hasAny(Keys.linkers(Keys.digestAfter(1, key)))
                    && !index.hasAny(Keys.namers(Keys.digestAfter(1, key))),
            key -> removeBlob(Keys.digestAfter(1, key), limit));
    forgetDamage();
    var collected = new Collected(manifests, links, removed, bytes.sum() - before);
    if (manifests + links + removed > 0) {
      LOG.atInfo()
          .addKeyValue("manifests", manifests)
          .addKeyValue("links", links)
          .addKeyValue("blobs", removed)
          .addKeyValue("bytes", collected.bytes())
          .log("garbage collected");
    }
    return collected;
  }

  /**
   * Removes a blob now, regardless of its age, with the manifests that reference it and that no
   * repository links.
   *
   * @return whether the blob was removed; false if a repository links it or a manifest that
   *     references it, if it is being read, or if it is not stored
   */
  boolean discard(Digest digest) throws IOException {
    byte[] prefix = Keys.namers(digest);
    for (Index.Entry namer : index.page(prefix, prefix)) {
      removeManifest(Keys.digestAfter(prefix.length, namer.key()));
    }
    return removeBlob(digest, Instant.MAX);
  }

  /**
   * Removes facts of damaged content that nothing references, because no client will push that
   * content again.
   */
  private void forgetDamage() throws IOException {
    index.walk(
        Keys.family(Keys.DAMAGE),
        (key, value) -> {
          if (key.length > 1) {
            Digest digest = Keys.digestAfter(1, key);
            DamagedContent.Form form = Keys.formOf(key);
            if (!isReached(digest, form)) {
              index.write(
                  Index.Durability.VISIBLE,
                  batch -> !isReached(batch, digest, form) && damaged.forget(batch, digest, form));
            }
          }
        });
  }

  private boolean isReached(Digest digest, DamagedContent.Form form) {
    return switch (form) {
      case BLOB -> index.hasAny(Keys.linkers(digest)) || index.hasAny(Keys.namers(digest));
      case MANIFEST -> index.hasAny(Keys.keepers(digest));
    };
  }

  private static boolean isReached(Index.Batch batch, Digest digest, DamagedContent.Form form)
      throws RocksDBException {
    return switch (form) {
      case BLOB -> batch.hasAny(Keys.linkers(digest)) || batch.hasAny(Keys.namers(digest));
      case MANIFEST -> batch.hasAny(Keys.keepers(digest));
    };
  }

  /** Returns the number of bytes that were collected since the store was opened. */
  long bytes() {
    return bytes.sum();
  }

  /** Examines a family of keys. Returns the number of removed items. */
  private int removeAll(byte letter, Suspicion suspicion, Removal removal) throws IOException {
    var removed = new int[1];
    index.walk(
        Keys.family(letter),
        (key, value) -> {
          if (suspicion.falls(key, value) && isRemoved(removal, key)) {
            removed[0]++;
          }
        });
    return removed[0];
  }

  /**
   * Removes the item of a key. Leaves it to the next run if concurrent changes prevent the removal.
   */
  private static boolean isRemoved(Removal removal, byte[] key) throws IOException {
    try {
      return removal.remove(key);
    } catch (OciException e) {
      return false;
    }
  }

  private boolean removeManifest(Digest digest) throws IOException {
    return index.decide(
        Index.Durability.SYNCED,
        batch -> {
          Optional<NamesFact> names = Holders.names(batch, digest);
          if (names.isEmpty() || batch.hasAny(Keys.keepers(digest))) {
            return false;
          }
          Holders.forget(batch, digest, names.get());
          return true;
        });
  }

  private boolean removeLink(RepositoryName repository, Digest blob, Instant limit)
      throws IOException {
    boolean isRemoved =
        index.decide(
            Index.Durability.SYNCED,
            batch -> {
              byte[] value = batch.get(Keys.blobLink(repository, blob));
              if (value == null
                  || !isOldPush(LinkFact.decode(value), limit)
                  || Holders.isNamedIn(batch, repository, blob, Set.of())) {
                return false;
              }
              Holders.unlink(batch, repository, blob);
              return true;
            });
    if (isRemoved) {
      versions.changed(repository);
    }
    return isRemoved;
  }

  private boolean removeBlob(Digest digest, Instant limit) throws IOException {
    if (blobs.isRead(digest)) {
      blobs.letGo(digest);
    }
    try (Blobs.Removal _ = blobs.removal()) {
      long size = index.write(Index.Durability.SYNCED, batch -> takeBlob(batch, digest, limit));
      if (size >= 0) {
        blobs.removeFile(digest, size);
        bytes.add(size);
      }
      return size >= 0;
    }
  }

  /** Removes the facts of a blob. Returns its size in bytes, or -1 if it stays. */
  private long takeBlob(Index.Batch batch, Digest digest, Instant limit) throws RocksDBException {
    byte[] value = batch.get(Keys.blob(digest));
    if (value == null
        || BlobFact.decode(value).lastUsed().isAfter(limit)
        || batch.hasAny(Keys.linkers(digest))
        || Holders.isNamed(batch, digest)
        || blobs.isRead(digest)) {
      return -1;
    }
    long size = BlobFact.decode(value).size();
    Blobs.removeFact(batch, digest, size);
    return size;
  }

  private static boolean isOldPush(LinkFact fact, Instant limit) {
    return fact.origin() == Origin.PUSHED && !fact.lastUsed().isAfter(limit);
  }
}
