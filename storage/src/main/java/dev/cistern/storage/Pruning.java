package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.NamesFact;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.rocksdb.RocksDBException;

/**
 * The removal of unneeded manifests from one repository, within one decided change of the index.
 * Pushed and cached manifests are removed alike, with the links and the content that only they
 * need.
 *
 * <p>Manifests and content that were used after a limit stay, so that a client does not lose
 * content that it is about to name. A blob that an upload or a download has just stored counts as
 * used at that time.
 */
final class Pruning {
  private final Index.Batch batch;
  private final RepositoryName repository;
  private final Uses uses;
  private final Predicate<Digest> isRead;
  private final Instant notAfter;

  /**
   * @param notAfter time limit; manifests and blobs that were used after it stay
   */
  Pruning(
      Index.Batch batch,
      RepositoryName repository,
      Uses uses,
      Predicate<Digest> isRead,
      Instant notAfter) {
    this.batch = batch;
    this.repository = repository;
    this.uses = uses;
    this.isRead = isRead;
    this.notAfter = notAfter;
  }

  /** Removes a manifest if nothing holds it. */
  Pruned remove(Digest digest) throws RocksDBException {
    byte[] link = batch.get(Keys.manifestLink(repository, digest));
    if (link == null) {
      return new Pruned.Absent();
    }
    Optional<NamesFact> names = Holders.names(batch, digest);
    if (names.isEmpty()) {
      return notKnown(digest);
    }
    Optional<String> reason = reason(digest, names.get().subject(), LinkFact.decode(link));
    if (reason.isPresent()) {
      return new Pruned.Kept(reason.get());
    }
    Repositories.take(batch, repository, digest, names.get().subject(), List.of());
    if (!batch.hasAny(Keys.keepers(digest))) {
      Holders.forget(batch, digest, names.get());
    }
    return removeBlobs(names.get());
  }

  /**
   * Keeps a manifest of an earlier version of Cistern until the digests that it names are known.
   * Removes a link to a manifest that is not stored.
   */
  private Pruned notKnown(Digest digest) throws RocksDBException {
    if (batch.has(Keys.manifest(digest))) {
      return new Pruned.Kept("what it names is not known yet");
    }
    Repositories.take(batch, repository, digest, Optional.empty(), List.of());
    return new Pruned.Removed(List.of(), Map.of());
  }

  private Optional<String> reason(Digest digest, Optional<Digest> subject, LinkFact link)
      throws RocksDBException {
    List<Tag> tags = Repositories.tagsOf(batch, repository, digest, 1);
    if (!tags.isEmpty()) {
      return Optional.of("the tag " + tags.getFirst() + " points to it");
    }
    if (isPinned(digest)) {
      return Optional.of("it is pinned");
    }
    Optional<Digest> namer = Holders.namerIn(batch, repository, digest, Set.of());
    if (namer.isPresent()) {
      return Optional.of("it belongs to " + namer.get());
    }
    if (subject.isPresent() && batch.get(Keys.manifestLink(repository, subject.get())) != null) {
      return Optional.of("it refers to " + subject.get());
    }
    Instant used = uses.last(new Uses.Link(repository, digest), link.lastUsed());
    return used.isAfter(notAfter) ? Optional.of("it was used at " + used) : Optional.empty();
  }

  private boolean isPinned(Digest digest) throws RocksDBException {
    return batch.get(Keys.pin(repository, digest)) != null;
  }

  private Pruned removeBlobs(NamesFact names) throws RocksDBException {
    var unlinked = new ArrayList<Digest>();
    var removed = new LinkedHashMap<Digest, Long>();
    for (Digest blob : names.digests()) {
      byte[] link = batch.get(Keys.blobLink(repository, blob));
      if (link != null
          && !LinkFact.decode(link).lastUsed().isAfter(notAfter)
          && !Holders.isNamedIn(batch, repository, blob, Set.of())) {
        Holders.unlink(batch, repository, blob);
        unlinked.add(blob);
      }
      long size = takeContent(blob);
      if (size >= 0) {
        removed.put(blob, size);
      }
    }
    return new Pruned.Removed(unlinked, removed);
  }

  /**
   * Removes the fact of a blob that nothing needs. Returns the size of the blob in bytes, or -1 if
   * it stays.
   */
  private long takeContent(Digest blob) throws RocksDBException {
    byte[] fact = batch.get(Keys.blob(blob));
    if (fact == null
        || BlobFact.decode(fact).lastUsed().isAfter(notAfter)
        || batch.hasAny(Keys.linkers(blob))
        || Holders.isNamed(batch, blob)
        || isRead.test(blob)) {
      return -1;
    }
    batch.require(() -> !isRead.test(blob));
    long size = BlobFact.decode(fact).size();
    Blobs.removeFact(batch, blob, size);
    return size;
  }
}
