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
 * Removes what nothing reaches, while the server runs: manifests that no repository keeps, links of
 * pushed blobs for which no manifest came, and blobs that no repository links and no manifest
 * names.
 *
 * <p>It looks through the index beside everything else; each removal then looks again in a change
 * of its own, so that what was pushed, mounted or put meanwhile stays. A client that was told that
 * a blob is here ({@link Blobs#keep}) has the grace, but for a minute, to put its manifest.
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

  /** What a change may do with one key. */
  private interface Removal {
    boolean remove(byte[] key) throws IOException;
  }

  /** Says whether a key is worth a closer look. */
  private interface Suspicion {
    boolean falls(byte[] key, byte[] value);
  }

  /**
   * Removes the garbage; blobs and pushed links must be older than {@code grace}. Removes nothing
   * if the index has lost facts ({@link Store#repair}), which garbage cannot be told from. After a
   * jump of the clock forward nothing is removed for another grace.
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
   * Removes a blob now, however young, with the manifests that name it and that nobody keeps.
   *
   * @return whether it is gone; not if a repository reaches it, or keeps a manifest that names it
   */
  boolean discard(Digest digest) throws IOException {
    byte[] prefix = Keys.namers(digest);
    for (Index.Entry namer : index.page(prefix, prefix)) {
      removeManifest(Keys.digestAfter(prefix.length, namer.key()));
    }
    return removeBlob(digest, Instant.MAX);
  }

  /** Removes facts of damaged content that nothing reaches: no client will push it again. */
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

  /** Returns how many bytes were collected since the store was opened. */
  long bytes() {
    return bytes.sum();
  }

  /** Looks through a family of keys; returns how many were removed. */
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

  /** Removes what a key stands for; leaves it to the next run if others change it all the time. */
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

  /** Returns the size of the blob that was taken out, or -1 if it stays. */
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
