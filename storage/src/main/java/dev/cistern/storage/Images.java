package dev.cistern.storage;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.TagFact;
import java.time.Instant;
import java.util.ArrayDeque;
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
 * One repository within one change of the index: decides whether a cached image of it may go, and
 * takes it out whole.
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
  private final Map<Digest, Optional<Manifest>> parsed = new HashMap<>();
  private final Set<Digest> pinned;

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
    if (pinned.contains(root)) {
      return new Outcome.Kept(new Purge.Pinned());
    }
    Optional<Digest> namer = namerHere(root, Set.of());
    if (namer.isPresent()) {
      return new Outcome.Kept(new Purge.Named(namer.get()));
    }
    if (!alsoAttached && isAttached(root)) {
      return new Outcome.Attached();
    }
    Set<Digest> members = members(root);
    Instant lastUsed = lastUsed(members);
    return lastUsed.isAfter(notAfter) ? new Outcome.UsedLater(lastUsed) : remove(members);
  }

  private Outcome remove(Set<Digest> members) throws RocksDBException {
    var forgotten = new HashSet<Digest>();
    for (Digest member : members) {
      if (Holders.keepers(batch, member).equals(List.of(repository))) {
        forgotten.add(member);
      }
    }
    var unlinked = new ArrayList<Digest>();
    var removed = new LinkedHashMap<Digest, Long>();
    for (Digest blob : blobs(members)) {
      List<Digest> namers = Holders.namers(batch, blob);
      if (isCachedHere(blob) && !isAnyHere(namers, members)) {
        unlinked.add(blob);
      }
      byte[] fact = batch.get(Keys.blob(blob));
      if (fact != null && forgotten.containsAll(namers) && !Holders.isPushed(batch, blob)) {
        if (isRead.test(blob)) {
          return new Outcome.Kept(new Purge.Read(blob));
        }
        removed.put(blob, BlobFact.decode(fact).size());
      }
    }
    for (Digest member : members) {
      Repositories.take(batch, repository, member, manifest(member), tagsOf(member));
      if (forgotten.contains(member) && manifest(member).isPresent()) {
        Holders.forget(batch, member, manifest(member).get());
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

  /** Returns the image's manifests, the root first. */
  private Set<Digest> members(Digest root) throws RocksDBException {
    var members = new LinkedHashSet<Digest>();
    var queue = new ArrayDeque<Digest>();
    members.add(root);
    queue.add(root);
    while (!queue.isEmpty()) {
      Digest member = queue.remove();
      for (Digest part : parts(member)) {
        if (!members.contains(part) && mayGoWith(members, part)) {
          members.add(part);
          queue.add(part);
        }
      }
    }
    return members;
  }

  private boolean mayGoWith(Set<Digest> members, Digest part) throws RocksDBException {
    Optional<LinkFact> link = manifestLink(part);
    return link.isPresent()
        && link.get().origin() == Origin.CACHED
        && !tagged.contains(part)
        && !pinned.contains(part)
        && namerHere(part, members).isEmpty();
  }

  /** Returns the children and the referrers of a manifest. */
  private List<Digest> parts(Digest digest) throws RocksDBException {
    byte[] prefix = Keys.referrers(repository, digest);
    var parts = new ArrayList<>(children(digest).toList());
    batch.scan(prefix, (key, value) -> parts.add(Keys.digestAfter(prefix.length, key)));
    return parts;
  }

  private Stream<Digest> children(Digest digest) throws RocksDBException {
    return manifest(digest).stream().flatMap(Manifest::children).map(Descriptor::digest);
  }

  /** Returns what is pinned here, with all it names and what refers to that. */
  private Set<Digest> pinned() throws RocksDBException {
    byte[] prefix = Keys.pins(repository);
    var references = new ArrayList<Reference>();
    batch.scan(
        prefix,
        (key, value) -> references.add(Reference.parse(Keys.textAfter(prefix.length, key))));
    var found = new HashSet<Digest>();
    var queue = new ArrayDeque<Digest>();
    references.forEach(reference -> resolve(reference).ifPresent(queue::add));
    while (!queue.isEmpty()) {
      Digest digest = queue.remove();
      if (found.add(digest)) {
        queue.addAll(parts(digest));
      }
    }
    return found;
  }

  private Set<Digest> blobs(Collection<Digest> manifests) throws RocksDBException {
    var blobs = new LinkedHashSet<Digest>();
    for (Digest digest : manifests) {
      if (manifest(digest).isPresent()) {
        blobs.addAll(Holders.named(manifest(digest).get()));
      }
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
    Optional<Digest> subject = manifest(digest).flatMap(Manifest::subject);
    return subject.isPresent() && manifestLink(subject.get()).isPresent();
  }

  /** Returns a manifest, other than {@code but}, that is kept here and names it. */
  private Optional<Digest> namerHere(Digest digest, Set<Digest> but) throws RocksDBException {
    for (Digest namer : Holders.namers(batch, digest)) {
      if (!but.contains(namer) && manifestLink(namer).isPresent()) {
        return Optional.of(namer);
      }
    }
    return Optional.empty();
  }

  private boolean isAnyHere(List<Digest> manifests, Set<Digest> but) throws RocksDBException {
    for (Digest digest : manifests) {
      if (!but.contains(digest) && manifestLink(digest).isPresent()) {
        return true;
      }
    }
    return false;
  }

  private boolean isCachedHere(Digest blob) throws RocksDBException {
    byte[] link = batch.get(Keys.blobLink(repository, blob));
    return link != null && LinkFact.decode(link).origin() == Origin.CACHED;
  }

  private Optional<LinkFact> manifestLink(Digest digest) throws RocksDBException {
    return Optional.ofNullable(batch.get(Keys.manifestLink(repository, digest)))
        .map(LinkFact::decode);
  }

  private Optional<Manifest> manifest(Digest digest) throws RocksDBException {
    Optional<Manifest> known = parsed.get(digest);
    if (known == null) {
      known = Repositories.manifest(batch, digest);
      parsed.put(digest, known);
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
