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
 * One repository within one decided change of the index: decides whether a cached image of it may
 * go, and takes it out whole.
 *
 * <p>An image is a manifest with the children that nothing else here names and the referrers of all
 * of them. What was pushed, is pinned or has a tag of its own is no part of another's going. Its
 * blobs lose the repository's cached link when nothing else here names them, and their content when
 * no manifest anywhere names them, no repository has pushed them and nobody reads them.
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
   * The pinned digests; empty if they are more than is followed: then everything counts as pinned.
   */
  private final Optional<Set<Digest>> pinned;

  /** Looks at a repository; {@code isRead} says which blobs are being read. */
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

  /** What came of a try to take an image out. */
  sealed interface Outcome {
    /** It is gone from the index; the files of these blobs are to be removed. */
    record Removed(int manifests, Map<Digest, Long> blobs) implements Outcome {
      long bytes() {
        return blobs.values().stream().mapToLong(Long::longValue).sum();
      }
    }

    /** It stays. */
    record Kept(Purge why) implements Outcome {}

    /** It stays because it belongs to its subject. */
    record Attached() implements Outcome {}

    /** It, or a part of it, was used later than the caller thinks. */
    record UsedLater(Instant lastUsed) implements Outcome {}
  }

  /** Returns what a reference of this repository points at. */
  Optional<Digest> resolve(Reference reference) {
    return switch (reference) {
      case Digest digest -> Optional.of(digest);
      case Tag tag -> Optional.ofNullable(tags.get(tag)).map(TagFact::digest);
    };
  }

  /**
   * Takes an image out if it may go.
   *
   * @param notAfter it stays if it, or a part of it, was used after this
   * @param alsoAttached whether it may go alone though its subject is here
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
   * Returns the image's manifests, the root first; the root alone if there are more than are
   * followed, since the others go one by one then.
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

  /** Returns what is pinned here, with all it names and what refers to that. */
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
