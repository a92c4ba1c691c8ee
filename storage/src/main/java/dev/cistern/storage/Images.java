package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ManifestWalk;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.NamesFact;
import dev.cistern.storage.Facts.TagFact;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.rocksdb.RocksDBException;

/**
 * View of one repository within one decided change of the index. It decides whether a cached image
 * may be removed, and removes it completely.
 *
 * <p>An image is a manifest, the children that no other manifest of the repository references, and
 * the referrers of all of these. A pushed, pinned or separately tagged manifest is never removed as
 * a part of another image. A blob of the image loses the repository's cached link when no other
 * manifest of the repository references it. Its content is removed when no remaining manifest of
 * any repository references it, no repository links it as pushed, and it is not being read.
 */
final class Images {
  private final Index.Batch batch;
  private final RepositoryName repository;
  private final Uses uses;
  private final Predicate<Digest> isRead;
  private final Map<Tag, TagFact> tags;
  private final Set<Digest> tagged = new HashSet<>();
  private final Map<Digest, Optional<NamesFact>> named = new HashMap<>();

  /**
   * The pinned digests. Empty if there are more of them than are followed, and then every digest
   * counts as pinned.
   */
  private final Optional<Set<Digest>> pinned;

  /**
   * Reads the tags and pins of a repository. {@code isRead} returns whether a blob is being read.
   */
  Images(Index.Batch batch, RepositoryName repository, Uses uses, Predicate<Digest> isRead)
      throws RocksDBException {
    this.batch = batch;
    this.repository = repository;
    this.uses = uses;
    this.isRead = isRead;
    this.tags = Repositories.tagFacts(batch, repository);
    tags.values().forEach(tag -> tagged.add(tag.digest()));
    this.pinned = pinned();
  }

  /** Outcome of an attempt to remove an image. */
  sealed interface Outcome {
    /** The image was removed from the index. The caller must remove the files of these blobs. */
    record Removed(int manifests, Map<Digest, Long> blobs) implements Outcome {
      long bytes() {
        return blobs.values().stream().mapToLong(Long::longValue).sum();
      }
    }

    /** The image stays. */
    record Kept(Purge why) implements Outcome {}

    /** The image stays because it belongs to its subject. */
    record Attached() implements Outcome {}

    /** The image, or a part of it, was used after the time that the caller gave. */
    record UsedLater(Instant lastUsed) implements Outcome {}
  }

  /** Returns the digest that a reference of this repository points to. */
  Optional<Digest> resolve(Reference reference) {
    return switch (reference) {
      case Digest digest -> Optional.of(digest);
      case Tag tag -> Optional.ofNullable(tags.get(tag)).map(TagFact::digest);
    };
  }

  /**
   * Removes an image if it may be removed.
   *
   * @param notAfter latest permitted use; the image stays if it, or a part of it, was used after
   *     this time
   * @param alsoAttached whether a referrer may be removed although the repository has its subject
   */
  Outcome remove(Digest root, Instant notAfter, boolean alsoAttached) throws RocksDBException {
    Optional<LinkFact> link = manifestLink(root);
    if (link.isEmpty()) {
      return new Outcome.Kept(new Purge.Absent());
    }
    if (link.get().origin() == Origin.PUSHED || isPushedTag(root)) {
      return new Outcome.Kept(new Purge.Pushed());
    }
    if (isPinned(root)) {
      return new Outcome.Kept(new Purge.Pinned());
    }
    Optional<Digest> namer = Holders.namerIn(batch, repository, root, Set.of());
    if (namer.isPresent()) {
      return new Outcome.Kept(new Purge.Named(namer.get()));
    }
    if (!alsoAttached && isAttached(root)) {
      return new Outcome.Attached();
    }
    Set<Digest> members = members(root);
    for (Digest member : members) {
      if (names(member).isEmpty() && batch.has(Keys.manifest(member))) {
        return new Outcome.Kept(new Purge.NotKnown(member));
      }
    }
    Instant lastUsed = lastUsed(members);
    return lastUsed.isAfter(notAfter) ? new Outcome.UsedLater(lastUsed) : remove(members);
  }

  private Outcome remove(Set<Digest> members) throws RocksDBException {
    var forgotten = new HashSet<Digest>();
    for (Digest member : members) {
      if (Holders.isKeptOnlyBy(batch, member, repository)) {
        forgotten.add(member);
      }
    }
    var unlinked = new ArrayList<Digest>();
    var removed = new LinkedHashMap<Digest, Long>();
    for (Digest blob : blobs(members)) {
      if (isCachedHere(blob) && !Holders.isNamedIn(batch, repository, blob, members)) {
        unlinked.add(blob);
      }
      byte[] fact = batch.get(Keys.blob(blob));
      if (fact != null
          && !Holders.isNamedByOther(batch, blob, forgotten)
          && !Holders.isPushed(batch, blob)) {
        if (isRead.test(blob)) {
          return new Outcome.Kept(new Purge.Read(blob));
        }
        batch.require(() -> !isRead.test(blob));
        removed.put(blob, BlobFact.decode(fact).size());
      }
    }
    for (Digest member : members) {
      Optional<NamesFact> names = names(member);
      Repositories.take(
          batch, repository, member, names.flatMap(NamesFact::subject), tagsOf(member));
      if (forgotten.contains(member) && names.isPresent()) {
        Holders.forget(batch, member, names.get());
      }
    }
    for (Digest blob : unlinked) {
      Holders.unlink(batch, repository, blob);
    }
    for (Map.Entry<Digest, Long> blob : removed.entrySet()) {
      Blobs.removeFact(batch, blob.getKey(), blob.getValue());
    }
    return new Outcome.Removed(members.size(), removed);
  }

  /**
   * Returns the manifests of the image, the root first. If there are more than are followed,
   * returns only the root, and later removals take the others one by one.
   */
  private Set<Digest> members(Digest root) throws RocksDBException {
    var members = new LinkedHashSet<Digest>();
    try {
      ManifestWalk.<RocksDBException>from(
          root,
          (member, level) -> {
            if (level > 1 && !mayGoWith(members, member)) {
              return ManifestWalk.Visit.NOTHING;
            }
            members.add(member);
            return new ManifestWalk.Visit(0, parts(member));
          });
    } catch (OciException e) {
      return Set.of(root);
    }
    return members;
  }

  private boolean mayGoWith(Set<Digest> members, Digest part) throws RocksDBException {
    Optional<LinkFact> link = manifestLink(part);
    return link.isPresent()
        && link.get().origin() == Origin.CACHED
        && !tagged.contains(part)
        && !isPinned(part)
        && Holders.namerIn(batch, repository, part, members).isEmpty();
  }

  /** Returns the children and the referrers of a manifest. */
  private List<Digest> parts(Digest digest) throws RocksDBException {
    byte[] prefix = Keys.referrers(repository, digest);
    var parts = new ArrayList<>(children(digest).toList());
    batch.scan(prefix, (key, value) -> parts.add(Keys.digestAfter(prefix.length, key)));
    return parts;
  }

  private Stream<Digest> children(Digest digest) throws RocksDBException {
    return names(digest).stream().flatMap(NamesFact::children);
  }

  /**
   * Returns the pinned manifests with their children and referrers at every level. Empty if there
   * are more than are followed.
   */
  private Optional<Set<Digest>> pinned() throws RocksDBException {
    byte[] prefix = Keys.pins(repository);
    var references = new ArrayList<Reference>();
    batch.scan(
        prefix,
        (key, value) -> references.add(Reference.parse(Keys.textAfter(prefix.length, key))));
    var roots = new ArrayList<Digest>();
    references.forEach(reference -> resolve(reference).ifPresent(roots::add));
    var found = new HashSet<Digest>();
    try {
      ManifestWalk.<RocksDBException>from(
          roots,
          (digest, level) -> {
            found.add(digest);
            return new ManifestWalk.Visit(0, parts(digest));
          });
    } catch (OciException e) {
      return Optional.empty();
    }
    return Optional.of(found);
  }

  private boolean isPinned(Digest digest) {
    return pinned.isEmpty() || pinned.get().contains(digest);
  }

  private Set<Digest> blobs(Collection<Digest> manifests) throws RocksDBException {
    var blobs = new LinkedHashSet<Digest>();
    for (Digest digest : manifests) {
      names(digest).map(NamesFact::digests).ifPresent(blobs::addAll);
    }
    return blobs;
  }

  private Instant lastUsed(Set<Digest> members) throws RocksDBException {
    Instant last = Instant.EPOCH;
    for (Digest member : members) {
      Instant stored = manifestLink(member).map(LinkFact::lastUsed).orElse(Instant.EPOCH);
      Instant used = uses.last(new Uses.Link(repository, member), stored);
      last = used.isAfter(last) ? used : last;
    }
    return last;
  }

  private boolean isAttached(Digest digest) throws RocksDBException {
    Optional<Digest> subject = names(digest).flatMap(NamesFact::subject);
    return subject.isPresent() && manifestLink(subject.get()).isPresent();
  }

  private boolean isCachedHere(Digest blob) throws RocksDBException {
    byte[] link = batch.get(Keys.blobLink(repository, blob));
    return link != null && LinkFact.decode(link).origin() == Origin.CACHED;
  }

  private Optional<LinkFact> manifestLink(Digest digest) throws RocksDBException {
    return Optional.ofNullable(batch.get(Keys.manifestLink(repository, digest)))
        .map(LinkFact::decode);
  }

  private Optional<NamesFact> names(Digest digest) throws RocksDBException {
    Optional<NamesFact> known = named.get(digest);
    if (known == null) {
      known = Holders.names(batch, digest);
      named.put(digest, known);
    }
    return known;
  }

  private List<Tag> tagsOf(Digest digest) {
    return tags.entrySet().stream()
        .filter(tag -> tag.getValue().digest().equals(digest))
        .map(Map.Entry::getKey)
        .toList();
  }

  private boolean isPushedTag(Digest digest) {
    return tags.values().stream()
        .anyMatch(tag -> tag.digest().equals(digest) && tag.origin() == Origin.PUSHED);
  }
}
