package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.TagFact;
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
 * One repository within one change of the index: takes manifests out that nobody wants any more,
 * whether they were pushed or fetched, with the links and the content that only they need.
 *
 * <p>What was used after a limit stays, so that nobody loses what he is about to name: a blob that
 * an upload or a download has just brought has its time from then.
 */
final class Pruning {
  private final Index.Batch batch;
  private final RepositoryName repository;
  private final Uses uses;
  private final Predicate<Digest> isRead;
  private final Instant notAfter;

  /**
   * @param notAfter what was used after this stays
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

  /** Takes a manifest out if it may go. */
  Pruned remove(Digest digest) throws RocksDBException {
    byte[] link = batch.get(Keys.manifestLink(repository, digest));
    if (link == null) {
      return new Pruned.Absent();
    }
    Optional<Manifest> manifest = Repositories.manifest(batch, digest);
    Optional<String> reason =
        reason(digest, manifest.flatMap(Manifest::subject), LinkFact.decode(link));
    if (reason.isPresent()) {
      return new Pruned.Kept(reason.get());
    }
    Repositories.take(batch, repository, digest, manifest, List.of());
    if (manifest.isPresent() && Holders.keepers(batch, digest).isEmpty()) {
      Holders.forget(batch, digest, manifest.get());
    }
    return manifest.isPresent() ? removeBlobs(manifest.get()) : nothing();
  }

  private static Pruned nothing() {
    return new Pruned.Removed(List.of(), Map.of());
  }

  private Optional<String> reason(Digest digest, Optional<Digest> subject, LinkFact link)
      throws RocksDBException {
    for (Map.Entry<Tag, TagFact> tag : Repositories.tagFacts(batch, repository).entrySet()) {
      if (tag.getValue().digest().equals(digest)) {
        return Optional.of("the tag " + tag.getKey() + " points to it");
      }
    }
    if (isPinned(digest)) {
      return Optional.of("it is pinned");
    }
    for (Digest namer : Holders.namers(batch, digest)) {
      if (batch.get(Keys.manifestLink(repository, namer)) != null) {
        return Optional.of("it belongs to " + namer);
      }
    }
    if (subject.isPresent() && batch.get(Keys.manifestLink(repository, subject.get())) != null) {
      return Optional.of("it refers to " + subject.get());
    }
    Instant used = uses.last(new Uses.Link(repository, digest), link.lastUsed());
    return used.isAfter(notAfter) ? Optional.of("it was used at " + used) : Optional.empty();
  }

  private boolean isPinned(Digest digest) throws RocksDBException {
    byte[] prefix = Keys.pins(repository);
    var references = new ArrayList<Reference>();
    batch.scan(
        prefix,
        (key, value) -> references.add(Reference.parse(Keys.textAfter(prefix.length, key))));
    return references.contains(digest);
  }

  private Pruned removeBlobs(Manifest manifest) throws RocksDBException {
    var unlinked = new ArrayList<Digest>();
    var removed = new LinkedHashMap<Digest, Long>();
    for (Digest blob : Holders.named(manifest)) {
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

  /** Returns the size of the content that was taken out, or -1 if it stays. */
  private long takeContent(Digest blob) throws RocksDBException {
    byte[] fact = batch.get(Keys.blob(blob));
    if (fact == null
        || BlobFact.decode(fact).lastUsed().isAfter(notAfter)
        || !Holders.linkers(batch, blob).isEmpty()
        || Holders.isNamed(batch, blob)
        || isRead.test(blob)) {
      return -1;
    }
    long size = BlobFact.decode(fact).size();
    Blobs.removeFact(batch, blob, size);
    return size;
  }
}
