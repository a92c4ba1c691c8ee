package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.HostileJson;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.ManifestFact;
import dev.cistern.storage.Facts.ObjectFact;
import dev.cistern.storage.Facts.TagFact;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.rocksdb.RocksDBException;

/** The part of a store check that compares facts with each other. */
final class FactCheck {
  private static final int MAX_SUM_ATTEMPTS = 20;
  private static final String PUSH_AGAIN = "push it again, or delete what names it";
  private static final String REPAIR = "run fsck --repair: it is removed";

  private final CheckRun run;
  private final Repositories repositories;

  FactCheck(CheckRun run, Repositories repositories) {
    this.run = run;
    this.repositories = repositories;
  }

  void run() throws IOException {
    Index index = run.index();
    index.walk(Keys.family(Keys.MANIFEST), this::manifest);
    index.walk(Keys.family(Keys.MANIFEST_LINK), this::manifestLink);
    index.walk(Keys.family(Keys.BLOB_LINK), this::blobLink);
    index.walk(Keys.family(Keys.TAG), this::tag);
    index.walk(Keys.family(Keys.REFERRER), this::referrer);
    index.walk(Keys.family(Keys.OBJECT), this::object);
    index.walk(Keys.family(Keys.VERIFIED), this::verified);
    sum();
  }

  private void manifest(byte[] key, byte[] value) throws IOException {
    Optional<ManifestFact> decoded = run.decoded(key, value, ManifestFact::decode);
    if (decoded.isEmpty()) {
      return;
    }
    ManifestFact fact = decoded.get();
    Digest digest = Keys.digestAfter(1, key);
    run.spend(fact.bytes().length);
    for (Instant stored : new Instant[] {fact.firstSeen(), fact.lastUsed()}) {
      if (run.isFuture(stored)) {
        run.future("manifest " + digest, stored, batch -> rewritten(batch, key));
        break;
      }
    }
    CheckRun.Namers keepers = run.namers(Keys.keepers(digest));
    if (keepers.first().isEmpty()) {
      return; // it is garbage and collected soon
    }
    if (Digest.of(digest.algorithm(), fact.bytes()).equals(digest)) {
      children(digest, fact);
    } else if (!run.damaged().isDamagedManifest(digest)) {
      damaged(digest, keepers);
    }
  }

  private boolean rewritten(Index.Batch batch, byte[] key) throws RocksDBException {
    byte[] value = batch.get(key);
    if (value != null) {
      ManifestFact fact = ManifestFact.decode(value);
      batch.put(
          key, new ManifestFact(fact.mediaType(), run.now(), run.now(), fact.bytes()).encoded());
    }
    return value != null;
  }

  private void damaged(Digest digest, CheckRun.Namers keepers) throws IOException {
    for (RepositoryName keeper : keepers.first()) {
      if (!run.damaged().isDamagedManifest(digest)) {
        repositories.manifest(keeper, digest); // records the damage
      }
    }
    Origin origin =
        Holders.origin(run.index(), Keys.keepers(digest), name -> Keys.manifestLink(name, digest));
    boolean isPushed = origin == Origin.PUSHED;
    run.found(
        FindingKind.WRONG_DIGEST,
        digest,
        Optional.of(origin),
        keepers,
        "the stored manifest is damaged",
        run.isRepair() && !isPushed,
        isPushed ? "push it again" : "it is fetched again at the next pull");
  }

  private boolean isPushed(RepositoryName repository, Digest manifest) {
    byte[] link = run.index().get(Keys.manifestLink(repository, manifest));
    return link != null && LinkFact.decode(link).origin() == Origin.PUSHED;
  }

  /**
   * Reports content that a pushed manifest references and that a repository with this manifest does
   * not have.
   */
  private void children(Digest digest, ManifestFact fact) throws IOException {
    Manifest manifest;
    try {
      manifest = Manifest.parse(fact.bytes(), Optional.empty());
    } catch (OciException e) {
      run.unreadable(Keys.manifest(digest));
      return;
    }
    byte[] prefix = Keys.keepers(digest);
    List<Digest> blobs = manifest.blobs().map(blob -> blob.digest()).distinct().toList();
    List<Digest> manifests = manifest.children().map(child -> child.digest()).distinct().toList();
    run.index()
        .walk(
            prefix,
            (key, value) -> {
              var repository = new RepositoryName(Keys.textAfter(prefix.length, key));
              if (isPushed(repository, digest)) {
                for (Digest blob : blobs) {
                  child(repository, digest, blob, hasBlob(repository, blob));
                }
                for (Digest child : manifests) {
                  child(repository, digest, child, repositories.keeps(repository, child));
                }
              }
            });
  }

  /**
   * Returns whether a repository has a blob. A damaged blob counts, because it is reported
   * separately.
   */
  private boolean hasBlob(RepositoryName repository, Digest blob) {
    return run.blobs().isLinked(repository, blob)
        && (run.blobs().size(blob).isPresent() || run.damaged().isDamagedBlob(blob));
  }

  private void child(RepositoryName repository, Digest manifest, Digest child, boolean isThere)
      throws IOException {
    if (!isThere) {
      run.found(
          FindingKind.MISSING_CHILD,
          child,
          Optional.of(Origin.PUSHED),
          new CheckRun.Namers(List.of(repository), 0),
          "the pushed manifest " + manifest + " names it and the repository does not have it",
          false,
          PUSH_AGAIN);
    }
  }

  private void manifestLink(byte[] key, byte[] value) throws IOException {
    Optional<LinkFact> fact = run.decoded(key, value, LinkFact::decode);
    if (fact.isEmpty()) {
      return;
    }
    RepositoryName repository = Keys.scopeOf(key);
    Digest digest = Keys.digestIn(repository, key);
    future(key, fact.get(), "manifest " + digest + " in " + repository);
    if (run.index().hasAny(Keys.manifest(digest)) || run.damaged().isDamagedManifest(digest)) {
      return;
    }
    boolean isRepaired =
        run.isRepair()
            && fact.get().origin() == Origin.CACHED
            && run.index()
                .write(
                    Index.Durability.SYNCED,
                    batch -> {
                      boolean isMissing = !batch.hasAny(Keys.manifest(digest));
                      if (isMissing) {
                        Holders.unkeep(batch, repository, digest);
                      }
                      return isMissing;
                    });
    dangling(digest, fact.get(), repository, isRepaired);
  }

  private void blobLink(byte[] key, byte[] value) throws IOException {
    Optional<LinkFact> fact = run.decoded(key, value, LinkFact::decode);
    if (fact.isEmpty()) {
      return;
    }
    RepositoryName repository = Keys.scopeOf(key);
    Digest digest = Keys.digestIn(repository, key);
    future(key, fact.get(), "blob " + digest + " in " + repository);
    if (fact.get().origin() == Origin.PUSHED
        && run.blobs().size(digest).isEmpty()
        && !run.damaged().isDamagedBlob(digest)
        && run.blobs().isLinked(repository, digest)) {
      dangling(digest, fact.get(), repository, false);
    }
  }

  private void dangling(Digest digest, LinkFact fact, RepositoryName repository, boolean isRepaired)
      throws IOException {
    run.found(
        FindingKind.DANGLING_LINK,
        digest,
        Optional.of(fact.origin()),
        new CheckRun.Namers(List.of(repository), 0),
        "the repository links it and it is not stored",
        isRepaired,
        fact.origin() == Origin.PUSHED ? PUSH_AGAIN : REPAIR);
  }

  private void future(byte[] key, LinkFact fact, String subject) throws IOException {
    if (run.isFuture(fact.lastUsed())) {
      run.future(
          subject,
          fact.lastUsed(),
          batch -> {
            byte[] current = batch.get(key);
            if (current != null) {
              batch.put(key, new LinkFact(LinkFact.decode(current).origin(), run.now()).encoded());
            }
            return current != null;
          });
    }
  }

  private void tag(byte[] key, byte[] value) throws IOException {
    Optional<TagFact> decoded = run.decoded(key, value, TagFact::decode);
    if (decoded.isEmpty()) {
      return;
    }
    TagFact fact = decoded.get();
    RepositoryName repository = Keys.scopeOf(key);
    var tag = new Tag(Keys.textAfter(repository.path().length() + 2, key));
    if (run.isFuture(fact.checked())) {
      run.future(
          repository + ":" + tag,
          fact.checked(),
          batch -> {
            byte[] current = batch.get(key);
            if (current != null) {
              TagFact known = TagFact.decode(current);
              batch.put(key, new TagFact(known.digest(), known.origin(), Instant.EPOCH).encoded());
            }
            return current != null;
          });
    }
    if (repositories.keeps(repository, fact.digest())
        || !repositories
            .tag(repository, tag)
            .map(StoredTag::digest)
            .equals(Optional.of(fact.digest()))) {
      return;
    }
    boolean isRepaired =
        run.isRepair()
            && fact.origin() == Origin.CACHED
            && removed(key, Keys.manifestLink(repository, fact.digest()));
    run.found(
        new Finding(
            FindingKind.DANGLING_TAG,
            repository + ":" + tag,
            Optional.of(fact.digest()),
            Optional.of(fact.origin()),
            List.of(repository),
            0,
            "it points at " + fact.digest() + ", which the repository does not have",
            isRepaired,
            isRepaired ? "" : fact.origin() == Origin.PUSHED ? PUSH_AGAIN : REPAIR));
  }

  private void referrer(byte[] key, byte[] value) throws IOException {
    run.look();
    RepositoryName repository = Keys.scopeOf(key);
    int subjectAt = repository.path().length() + 2;
    Digest subject = Keys.digestAfter(subjectAt, key);
    Digest digest = Keys.digestAfter(subjectAt + 1 + subject.algorithm().length(), key);
    if (repositories.keeps(repository, digest)) {
      return;
    }
    boolean isRepaired = run.isRepair() && removed(key, Keys.manifestLink(repository, digest));
    run.found(
        FindingKind.DANGLING_REFERRER,
        digest,
        Optional.empty(),
        new CheckRun.Namers(List.of(repository), 0),
        "it is listed as a referrer of " + subject + " and the repository does not have it",
        isRepaired,
        REPAIR);
  }

  /** Removes {@code key} unless the key {@code unless} exists by now. Returns whether it did. */
  private boolean removed(byte[] key, byte[] unless) throws IOException {
    return run.index()
        .write(
            Index.Durability.SYNCED,
            batch -> {
              if (batch.get(unless) != null) {
                return false;
              }
              batch.delete(key);
              return true;
            });
  }

  private void object(byte[] key, byte[] value) throws IOException {
    Optional<ObjectFact> fact = run.decoded(key, value, ObjectFact::decode);
    if (fact.isPresent() && !HostileJson.isObject(fact.get().json())) {
      ObjectName name = Keys.objectOf(key);
      run.found(
          Finding.of(
              FindingKind.UNREADABLE_OBJECT,
              name.kind() + "/" + name.namespace() + "/" + name.name(),
              "the stored object is not JSON",
              false,
              "restore the index from a backup, or delete the object and create it again"));
    }
  }

  private void verified(byte[] key, byte[] value) throws IOException {
    Optional<Long> millis = run.decoded(key, value, Blobs::bytes);
    Instant time = Instant.ofEpochMilli(millis.orElse(0L));
    if (run.isFuture(time)) {
      run.future(
          "time of verification" + (key.length > 1 ? " of " + Keys.digestAfter(1, key) : ""),
          time,
          batch -> {
            batch.delete(key);
            return true;
          });
    }
  }

  /**
   * Compares the total size of all blobs with its fact. Reports nothing if the fact changes during
   * each of 20 attempts.
   */
  private void sum() throws IOException {
    byte[] key = Keys.family(Keys.BLOB_BYTES);
    byte[] blobs = Keys.family(Keys.BLOB);
    for (int attempt = 0; attempt < MAX_SUM_ATTEMPTS; attempt++) {
      long stored = Blobs.bytes(run.index().get(key));
      var sum = new long[1];
      run.index()
          .scan(
              blobs,
              blobs,
              (blob, value) -> {
                sum[0] += sizeOf(value);
                return true;
              });
      if (Blobs.bytes(run.index().get(key)) == stored) {
        if (sum[0] != stored) {
          wrongSum(key, stored, sum[0]);
        }
        return;
      }
    }
  }

  private static long sizeOf(byte[] fact) {
    try {
      return BlobFact.decode(fact).size();
    } catch (RuntimeException e) {
      return 0; // it is already reported as unreadable
    }
  }

  private void wrongSum(byte[] key, long stored, long actual) throws IOException {
    if (run.isRepair()) {
      run.index()
          .write(
              Index.Durability.SYNCED,
              batch -> {
                batch.add(key, actual - stored);
                return true;
              });
      run.space().found(actual - stored);
    }
    run.found(
        Finding.of(
            FindingKind.WRONG_SUM,
            "bytes of all blobs",
            "the index says " + stored + " and the blobs have " + actual,
            run.isRepair(),
            "run fsck --repair"));
  }
}
