package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.DamageFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.ManifestFact;
import dev.cistern.storage.Facts.NamesFact;
import dev.cistern.storage.Facts.TagFact;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiPredicate;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The manifests, tags and referrers of all repositories. A manifest, its links, its tags and its
 * entry in the list of referrers become visible together.
 *
 * <p>Safe for all threads. Reads take microseconds; writes wait for the index.
 */
public final class Repositories {
  private static final Logger LOG = LoggerFactory.getLogger(Repositories.class);
  private static final byte[] EMPTY = {};

  /**
   * Maximum number of digests named by a manifest that is stored on the writer's thread of the
   * index. A manifest that names more is decided on beside that thread.
   */
  private static final int MAX_PARTS_PER_CHANGE = 100;

  /** Total size in bytes of the descriptors of referrers after which a page ends. */
  private static final int MAX_REFERRERS_BYTES = 4 << 20;

  private final Index index;
  private final InstantSource clock;
  private final Versions versions;
  private final Uses uses;
  private final Eviction eviction;
  private final Objects objects;
  private final DamagedContent damaged;
  private final ManifestNames names;

  Repositories(
      Index index,
      InstantSource clock,
      Versions versions,
      Uses uses,
      Eviction eviction,
      Objects objects,
      DamagedContent damaged) {
    this.index = index;
    this.clock = clock;
    this.versions = versions;
    this.uses = uses;
    this.eviction = eviction;
    this.objects = objects;
    this.damaged = damaged;
    this.names = new ManifestNames(index);
  }

  /**
   * Returns a number that changes with every change that makes earlier answers about the repository
   * wrong.
   */
  public long version(RepositoryName repository) {
    return versions.of(repository);
  }

  /**
   * Changes the {@link #version} of the repository, for a reason that is not stored in this class.
   */
  public void changed(RepositoryName repository) {
    versions.changed(repository);
  }

  /** Returns whether the repository has manifests. */
  public boolean exists(RepositoryName repository) {
    return index.get(Keys.repository(repository)) != null;
  }

  /** Returns whether the repository links the manifest, even if its bytes are not stored. */
  public boolean keeps(RepositoryName repository, Digest digest) {
    return index.get(Keys.manifestLink(repository, digest)) != null;
  }

  /**
   * Returns the manifest if it is stored and {@code repository} links it. Its bytes are hashed. A
   * damaged manifest counts as not stored, and its damage is recorded.
   */
  public Optional<StoredManifest> manifest(RepositoryName repository, Digest digest) {
    if (index.get(Keys.manifestLink(repository, digest)) == null) {
      return Optional.empty();
    }
    byte @Nullable [] value = index.getIntact(Keys.manifest(digest));
    Optional<StoredManifest> stored = intact(digest, value);
    if (stored.isEmpty() && !damaged.isDamagedManifest(digest)) {
      noteDamage(repository, digest, value);
    }
    return stored;
  }

  /** Returns a stored manifest if its bytes have its digest. */
  private static Optional<StoredManifest> intact(Digest digest, byte @Nullable [] value) {
    if (value == null || !ManifestFact.isOf(value, digest)) {
      return Optional.empty();
    }
    ManifestFact fact = ManifestFact.decode(value);
    return Optional.of(new StoredManifest(digest, fact.mediaType(), fact.bytes()));
  }

  /**
   * Records that a manifest that the repository links is damaged, unless it was replaced meanwhile.
   */
  private void noteDamage(RepositoryName repository, Digest digest, byte @Nullable [] value) {
    FindingKind kind = value == null ? FindingKind.MISSING_CONTENT : FindingKind.WRONG_DIGEST;
    Instant now = clock.instant();
    Origin origin =
        Holders.origin(index, Keys.keepers(digest), name -> Keys.manifestLink(name, digest));
    try {
      boolean isNew =
          index.write(
              Index.Durability.SYNCED,
              batch -> {
                if (!batch.has(Keys.manifestLink(repository, digest))
                    || !Arrays.equals(value, batch.getIntact(Keys.manifest(digest)))) {
                  return false;
                }
                damaged.add(
                    batch,
                    digest,
                    DamagedContent.Form.MANIFEST,
                    new DamageFact(kind, origin, value == null ? 0 : value.length, now));
                return true;
              });
      if (isNew) {
        DamagedContent.log(origin, digest, "the manifest is not intact");
      }
    } catch (IOException e) {
      LOG.atError().addKeyValue("digest", digest).setCause(e).log("damage not noted");
    }
  }

  /** Returns whether a manifest of the repository names {@code digest}. */
  public boolean names(RepositoryName repository, Digest digest) {
    byte[] prefix = Keys.namers(digest);
    List<Index.Entry> namers = index.page(prefix, prefix);
    while (!namers.isEmpty()) {
      for (Index.Entry namer : namers) {
        Digest manifest = Keys.digestAfter(prefix.length, namer.key());
        if (index.get(Keys.manifestLink(repository, manifest)) != null) {
          return true;
        }
      }
      namers = index.page(prefix, Keys.after(namers.getLast().key()));
    }
    return false;
  }

  /** Returns up to {@code most} of the stored manifests that name {@code digest}. */
  public List<Digest> namers(Digest digest, int most) {
    byte[] prefix = Keys.namers(digest);
    var namers = new ArrayList<Digest>();
    index.scan(
        prefix,
        prefix,
        (key, value) -> {
          namers.add(Keys.digestAfter(prefix.length, key));
          return namers.size() < most;
        });
    return namers;
  }

  /** Returns the tag with its target, if the repository has it. */
  public Optional<StoredTag> tag(RepositoryName repository, Tag tag) {
    byte[] value = index.get(Keys.tag(repository, tag));
    return value == null ? Optional.empty() : Optional.of(stored(TagFact.decode(value)));
  }

  /**
   * Stores a manifest and points tags at it. If it is pushed, it is durable when this returns.
   *
   * <p>A cached manifest links all blobs that it names, because the upstream's repository vouches
   * for them. A pushed manifest links only itself, because naming a blob does not prove possession
   * of it. A cached tag never replaces a pushed one.
   *
   * @param manifest parsed form of the bytes of {@code stored}
   */
  public void put(
      RepositoryName repository,
      StoredManifest stored,
      Manifest manifest,
      Collection<Tag> tags,
      Origin origin)
      throws IOException {
    put(repository, stored, manifest, tags, origin, true, List.of());
  }

  /**
   * Stores a manifest as {@link #put(RepositoryName, StoredManifest, Manifest, Collection, Origin)}
   * does, and edits objects in the same change.
   *
   * @param mayOverwrite whether a tag that points elsewhere may be moved
   * @param edits edits of objects; if an object is not as expected, nothing at all is changed
   * @return whether the edits were made
   * @throws OciException with DENIED, if a tag would be moved and may not be; nothing is changed
   *     then
   */
  public boolean put(
      RepositoryName repository,
      StoredManifest stored,
      Manifest manifest,
      Collection<Tag> tags,
      Origin origin,
      boolean mayOverwrite,
      List<ObjectEdit> edits)
      throws IOException {
    Instant now = clock.instant();
    Objects.requireSizes(edits);
    NamesFact named = NamesFact.of(manifest, stored.bytes().length);
    Index.Durability durability =
        origin == Origin.PUSHED ? Index.Durability.SYNCED : Index.Durability.VISIBLE;
    Index.Change<Boolean> put =
        batch -> {
          if (!mayOverwrite) {
            requireNew(batch, repository, tags, stored.digest());
          }
          putManifest(batch, repository, stored, manifest, named, origin, now);
          replaceManifest(batch, stored, origin, now);
          for (Tag tag : tags) {
            putTag(batch, repository, tag, new TagFact(stored.digest(), origin, now));
          }
          return true;
        };
    Edits made = new Edits(edits);
    if (named.parts().size() > MAX_PARTS_PER_CHANGE) {
      index.decide(durability, put, made::apply);
    } else {
      index.write(durability, batch -> made.apply(batch) && put.apply(batch));
    }
    versions.changed(repository);
    return made.isDone();
  }

  /**
   * Edits of objects within a change, and their outcome. If the change runs more than once, the
   * last run counts.
   */
  private final class Edits {
    private final List<ObjectEdit> edits;
    private ObjectChange change = new ObjectChange.Done(List.of());

    Edits(List<ObjectEdit> edits) {
      this.edits = edits;
    }

    boolean apply(Index.Batch batch) throws RocksDBException {
      change = objects.apply(batch, edits);
      return isDone();
    }

    boolean isDone() {
      return change instanceof ObjectChange.Done;
    }
  }

  private static void requireNew(
      Index.Batch batch, RepositoryName repository, Collection<Tag> tags, Digest digest)
      throws RocksDBException {
    for (Tag tag : tags) {
      byte[] old = batch.get(Keys.tag(repository, tag));
      if (old != null && !TagFact.decode(old).digest().equals(digest)) {
        throw new OciException(
            ErrorCode.DENIED,
            "the tag " + tag + " of repository " + repository + " is there and points elsewhere",
            "you may push new tags, but not move one; push it under another");
      }
    }
  }

  /**
   * Links a manifest of the repository {@code from} to the repository {@code to}, with the content
   * that it names and {@code from} has. Each link keeps its origin, pushed or cached. All links
   * become visible together.
   *
   * @return whether {@code from} has the manifest
   * @throws OciException with MANIFEST_INVALID, if it leads to more manifests than are followed;
   *     nothing is changed then
   */
  public boolean copy(RepositoryName from, RepositoryName to, Digest digest) throws IOException {
    boolean isThere = new Copy(index, names, from, to, clock.instant()).run(digest);
    versions.changed(to);
    return isThere;
  }

  /**
   * Records that an upstream has just confirmed that the cached tag still points to {@code digest}.
   * Does nothing if the tag points elsewhere or no longer exists.
   */
  public void confirm(RepositoryName repository, Tag tag, Digest digest) throws IOException {
    Instant now = clock.instant();
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          byte[] old = batch.get(Keys.tag(repository, tag));
          if (old != null && TagFact.decode(old).digest().equals(digest)) {
            putTag(batch, repository, tag, new TagFact(digest, Origin.CACHED, now));
          }
          return true;
        });
    versions.changed(repository);
  }

  /**
   * Removes a tag, whose manifest stays, or a manifest with the tags that point at it and its entry
   * in the list of referrers. Returns false if there was no such tag or manifest.
   */
  public boolean delete(RepositoryName repository, Reference reference) throws IOException {
    return delete(repository, reference, List.of()).orElseThrow();
  }

  /** Records that a client requested the manifest from {@code repository}. Does not block. */
  public void used(RepositoryName repository, Digest digest) {
    uses.touch(new Uses.Link(repository, digest));
  }

  /**
   * Pins a reference. The image that it points at, now or later, and all content that the image
   * names are neither evicted nor pruned. The image need not be stored yet. Returns false if the
   * reference was already pinned.
   */
  public boolean pin(RepositoryName repository, Reference reference) throws IOException {
    byte[] key = Keys.pin(repository, reference);
    return index.write(
        Index.Durability.SYNCED,
        batch -> {
          boolean isNew = batch.get(key) == null;
          batch.put(key, EMPTY);
          return isNew;
        });
  }

  /** Removes a pin. Returns false if there was none. */
  public boolean unpin(RepositoryName repository, Reference reference) throws IOException {
    byte[] key = Keys.pin(repository, reference);
    return index.write(
        Index.Durability.SYNCED,
        batch -> {
          boolean isThere = batch.get(key) != null;
          batch.delete(key);
          return isThere;
        });
  }

  /** Returns whether this reference itself is pinned. */
  public boolean isPinned(RepositoryName repository, Reference reference) {
    return index.get(Keys.pin(repository, reference)) != null;
  }

  /** Returns the pinned references of a repository, in byte order. */
  public List<Reference> pins(RepositoryName repository) {
    byte[] prefix = Keys.pins(repository);
    var pins = new ArrayList<Reference>();
    index.scan(
        prefix,
        prefix,
        (key, value) -> pins.add(Reference.parse(Keys.textAfter(prefix.length, key))));
    return pins;
  }

  /**
   * Removes a manifest from a repository, whether pushed or cached, with the blobs that nothing
   * else needs. Tags, pins and manifests of the repository that name the manifest hold it. A recent
   * arrival or use holds it too, because a push may be about to name it. Recent means within the
   * last ten minutes, or within {@link StorageLimits#grace} if that is less.
   *
   * @param notAfter time limit; manifests and blobs that were used after it stay
   */
  public Pruned prune(RepositoryName repository, Digest manifest, Instant notAfter)
      throws IOException {
    return eviction.prune(repository, manifest, notAfter);
  }

  /** Starts a dry run of prunes. The caller closes it. */
  public PruneTrial pruneTrial() {
    return new PruneTrial(index.trial(), eviction);
  }

  /** Returns the repositories that link a manifest. */
  public List<RepositoryName> keepers(Digest manifest) {
    byte[] prefix = Keys.keepers(manifest);
    var names = new ArrayList<RepositoryName>();
    index.scan(
        prefix,
        prefix,
        (key, value) -> names.add(new RepositoryName(Keys.textAfter(prefix.length, key))));
    return names;
  }

  /**
   * Returns when a client last requested a manifest from a repository that links it, or when the
   * repository got it.
   */
  public Optional<Instant> lastUsed(RepositoryName repository, Digest manifest) {
    return Optional.ofNullable(index.get(Keys.manifestLink(repository, manifest)))
        .map(LinkFact::decode)
        .map(fact -> uses.last(new Uses.Link(repository, manifest), fact.lastUsed()));
  }

  /**
   * Deletes as {@link #delete(RepositoryName, Reference)} does, and edits objects in the same
   * change.
   *
   * @return whether the tag or manifest existed; empty if an object was not as expected, and
   *     nothing was changed
   */
  public Optional<Boolean> delete(
      RepositoryName repository, Reference reference, List<ObjectEdit> edits) throws IOException {
    Objects.requireSizes(edits);
    if (reference instanceof Digest digest) {
      names.learn(digest);
    }
    Edits made = new Edits(edits);
    Optional<Boolean> isDeleted =
        index.decide(
            Index.Durability.SYNCED,
            batch ->
                switch (reference) {
                  case Tag tag -> deleteTag(batch, repository, tag);
                  case Digest digest -> deleteManifest(batch, repository, digest);
                },
            made::apply);
    versions.changed(repository);
    return isDeleted;
  }

  private static boolean deleteTag(Index.Batch batch, RepositoryName repository, Tag tag)
      throws RocksDBException {
    byte[] key = Keys.tag(repository, tag);
    boolean isThere = batch.get(key) != null;
    batch.delete(key);
    return isThere;
  }

  /** Removes tags and edits objects in one change, or does neither. The manifests stay. */
  public ObjectChange untag(RepositoryName repository, Collection<Tag> tags, List<ObjectEdit> edits)
      throws IOException {
    Objects.requireSizes(edits);
    Edits made = new Edits(edits);
    index.decide(
        Index.Durability.SYNCED,
        batch -> {
          for (Tag tag : tags) {
            batch.delete(Keys.tag(repository, tag));
          }
          return true;
        },
        made::apply);
    versions.changed(repository);
    return made.change;
  }

  /**
   * Removes a cached image and the content that only it needs, as an eviction does, but at once.
   */
  public Purge purge(RepositoryName repository, Reference reference) throws IOException {
    return eviction.purge(repository, reference);
  }

  /** Returns up to {@code most} tags after {@code last} ("" for the first page), in byte order. */
  public List<String> tags(RepositoryName repository, String last, int most) {
    return names(Keys.tags(repository), last, most, (name, value) -> true);
  }

  /** Returns the tags that {@link #tags} would return if there were only pushed ones. */
  public List<String> pushedTags(RepositoryName repository, String last, int most) {
    return names(
        Keys.tags(repository),
        last,
        most,
        (name, value) -> TagFact.decode(value).origin() == Origin.PUSHED);
  }

  /**
   * Returns up to {@code most} repositories after {@code last} ("" for the first page) that {@code
   * isWanted} accepts, in byte order.
   */
  public List<String> repositories(String last, int most, Predicate<String> isWanted) {
    return names(Keys.repositories(), last, most, (name, value) -> isWanted.test(name));
  }

  /**
   * Returns the descriptors of up to {@code most} referrers of {@code subject} after {@code last},
   * in the order of digests. Returns fewer if they are longer than 4 MiB together.
   */
  public List<Descriptor> referrers(
      RepositoryName repository, Digest subject, Optional<Digest> last, int most) {
    return referrers(repository, subject, last, most, digest -> true);
  }

  /**
   * Returns the descriptors that {@link #referrers} would return if there were only pushed
   * referrers.
   */
  public List<Descriptor> pushedReferrers(
      RepositoryName repository, Digest subject, Optional<Digest> last, int most) {
    return referrers(repository, subject, last, most, digest -> isPushed(repository, digest));
  }

  private boolean isPushed(RepositoryName repository, Digest digest) {
    byte[] link = index.get(Keys.manifestLink(repository, digest));
    return link != null && LinkFact.decode(link).origin() == Origin.PUSHED;
  }

  private List<Descriptor> referrers(
      RepositoryName repository,
      Digest subject,
      Optional<Digest> last,
      int most,
      Predicate<Digest> isWanted) {
    byte[] prefix = Keys.referrers(repository, subject);
    byte[] from =
        last.map(digest -> Keys.after(Keys.referrer(repository, subject, digest))).orElse(prefix);
    var descriptors = new ArrayList<Descriptor>();
    int left = MAX_REFERRERS_BYTES;
    List<Index.Entry> page = most > 0 ? index.page(prefix, from) : List.of();
    while (!page.isEmpty()) {
      for (Index.Entry entry : page) {
        Digest digest = Keys.digestAfter(prefix.length, entry.key());
        if (isWanted.test(digest)) {
          descriptors.add(Facts.decodeReferrer(digest, entry.value()));
          boolean isLast = left <= 0;
          left -= entry.value().length;
          if (isLast || descriptors.size() == most) {
            return descriptors;
          }
        }
      }
      page = index.page(prefix, Keys.after(page.getLast().key()));
    }
    return descriptors;
  }

  private List<String> names(
      byte[] prefix, String last, int most, BiPredicate<String, byte[]> isWanted) {
    var names = new ArrayList<String>();
    if (most > 0) {
      byte[] key = concat(prefix, last);
      index.scan(
          prefix,
          last.isEmpty() ? key : Keys.after(key),
          (found, value) -> {
            String name = Keys.textAfter(prefix.length, found);
            if (isWanted.test(name, value)) {
              names.add(name);
            }
            return names.size() < most;
          });
    }
    return names;
  }

  private static byte[] concat(byte[] prefix, String text) {
    byte[] bytes = text.getBytes(UTF_8);
    byte[] key = Arrays.copyOf(prefix, prefix.length + bytes.length);
    System.arraycopy(bytes, 0, key, prefix.length, bytes.length);
    return key;
  }

  private static StoredTag stored(TagFact fact) {
    return new StoredTag(fact.digest(), fact.origin(), fact.checked());
  }

  /**
   * Replaces the bytes that are stored under a digest by those of a verified manifest, and removes
   * a record of damage.
   */
  private void replaceManifest(Index.Batch batch, StoredManifest stored, Origin origin, Instant now)
      throws RocksDBException {
    byte[] key = Keys.manifest(stored.digest());
    byte[] value = batch.get(key);
    if (value == null || !ManifestFact.holds(value, stored.bytes())) {
      batch.put(key, new ManifestFact(stored.mediaType(), now, now, stored.bytes()).encoded());
    }
    damaged.heal(
        batch,
        stored.digest(),
        DamagedContent.Form.MANIFEST,
        origin == Origin.PUSHED ? DamagedContent.Healing.PUSHED : DamagedContent.Healing.REFETCHED);
  }

  private static void putManifest(
      Index.Batch batch,
      RepositoryName repository,
      StoredManifest stored,
      Manifest manifest,
      NamesFact named,
      Origin origin,
      Instant now)
      throws RocksDBException {
    Digest digest = stored.digest();
    if (batch.getIntact(Keys.manifest(digest)) == null) {
      batch.put(
          Keys.manifest(digest),
          new ManifestFact(stored.mediaType(), now, now, stored.bytes()).encoded());
      Holders.name(batch, digest, named);
    } else if (!batch.has(Keys.names(digest))) {
      Holders.name(batch, digest, named);
    }
    batch.put(Keys.repository(repository), EMPTY);
    keep(batch, repository, digest, origin, now);
    if (origin == Origin.CACHED) {
      for (Digest blob : named.blobs().toList()) {
        Blobs.putLink(batch, repository, blob, origin, now);
      }
    }
    if (manifest.subject().isPresent()) {
      batch.put(
          Keys.referrer(repository, manifest.subject().get(), digest),
          Facts.encodeReferrer(
              new Descriptor(
                  stored.mediaType(),
                  digest,
                  stored.bytes().length,
                  manifest.artifactType(),
                  manifest.annotations(),
                  Optional.empty())));
    }
  }

  /**
   * Writes the link of a manifest. A pushed link stays pushed. The manifest counts as used now in
   * any case.
   */
  static void keep(
      Index.Batch batch, RepositoryName repository, Digest digest, Origin origin, Instant now)
      throws RocksDBException {
    byte[] link = batch.get(Keys.manifestLink(repository, digest));
    Origin kept = link == null ? origin : LinkFact.decode(link).origin();
    Holders.keep(
        batch, repository, digest, new LinkFact(origin == Origin.PUSHED ? origin : kept, now));
  }

  private static void putTag(Index.Batch batch, RepositoryName repository, Tag tag, TagFact fact)
      throws RocksDBException {
    byte[] key = Keys.tag(repository, tag);
    byte[] old = batch.get(key);
    if (fact.origin() == Origin.PUSHED
        || old == null
        || TagFact.decode(old).origin() == Origin.CACHED) {
      batch.put(key, fact.encoded());
    }
  }

  private static boolean deleteManifest(Index.Batch batch, RepositoryName repository, Digest digest)
      throws RocksDBException {
    if (batch.get(Keys.manifestLink(repository, digest)) == null) {
      return false;
    }
    Optional<Digest> subject = Holders.names(batch, digest).flatMap(NamesFact::subject);
    take(batch, repository, digest, subject, tagsOf(batch, repository, digest, Integer.MAX_VALUE));
    return true;
  }

  /**
   * Removes a manifest from a repository, with the given tags and its entry in the list of
   * referrers. Its bytes stay until they are collected.
   *
   * @param subject manifest that it refers to
   */
  static void take(
      Index.Batch batch,
      RepositoryName repository,
      Digest digest,
      Optional<Digest> subject,
      Collection<Tag> tags)
      throws RocksDBException {
    Holders.unkeep(batch, repository, digest);
    for (Tag tag : tags) {
      batch.delete(Keys.tag(repository, tag));
    }
    if (subject.isPresent()) {
      batch.delete(Keys.referrer(repository, subject.get(), digest));
    }
    if (!batch.hasAny(Keys.manifestLinks(repository))) {
      batch.delete(Keys.repository(repository));
    }
  }

  /** Returns up to {@code most} tags of a repository that point to a manifest. */
  static List<Tag> tagsOf(Index.Batch batch, RepositoryName repository, Digest digest, int most)
      throws RocksDBException {
    byte[] prefix = Keys.tags(repository);
    var tags = new ArrayList<Tag>();
    batch.scan(
        prefix,
        (key, value) -> {
          if (TagFact.decode(value).digest().equals(digest)) {
            tags.add(new Tag(Keys.textAfter(prefix.length, key)));
          }
          return tags.size() < most;
        });
    return tags;
  }

  /** Returns all tags of a repository. */
  static Map<Tag, TagFact> tagFacts(Index.Batch batch, RepositoryName repository)
      throws RocksDBException {
    byte[] prefix = Keys.tags(repository);
    var tags = new HashMap<Tag, TagFact>();
    batch.scan(
        prefix,
        (key, value) -> {
          tags.put(new Tag(Keys.textAfter(prefix.length, key)), TagFact.decode(value));
          return true;
        });
    return tags;
  }
}
