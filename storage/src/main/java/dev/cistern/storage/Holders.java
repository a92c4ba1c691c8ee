package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.NamesFact;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.rocksdb.RocksDBException;

/**
 * References to a digest: the repositories that link it and the stored manifests that reference it.
 * Links and manifests can be looked up only by their own keys. The entries of this class are the
 * same facts in the reverse direction, written in the same batch.
 */
final class Holders {
  private static final byte[] EMPTY = {};
  private static final int PAGE = 1_000;

  private Holders() {}

  /** Links the manifest to {@code repository}. */
  static void keep(Index.Batch batch, RepositoryName repository, Digest digest, LinkFact fact)
      throws RocksDBException {
    batch.put(Keys.manifestLink(repository, digest), fact.encoded());
    batch.put(Keys.keeper(digest, repository), EMPTY);
  }

  /** Removes the link that {@link #keep} wrote. */
  static void unkeep(Index.Batch batch, RepositoryName repository, Digest digest)
      throws RocksDBException {
    batch.delete(Keys.manifestLink(repository, digest));
    batch.delete(Keys.keeper(digest, repository));
  }

  /** Links the blob to {@code repository}. */
  static void link(Index.Batch batch, RepositoryName repository, Digest digest, LinkFact fact)
      throws RocksDBException {
    batch.put(Keys.blobLink(repository, digest), fact.encoded());
    batch.put(Keys.linker(digest, repository), EMPTY);
  }

  /** Removes the link that {@link #link} wrote. */
  static void unlink(Index.Batch batch, RepositoryName repository, Digest digest)
      throws RocksDBException {
    batch.delete(Keys.blobLink(repository, digest));
    batch.delete(Keys.linker(digest, repository));
  }

  /** Writes the references of a manifest, in both directions. */
  static void name(Index.Batch batch, Digest digest, NamesFact names) throws RocksDBException {
    batch.put(Keys.names(digest), names.encoded());
    for (Digest named : names.digests()) {
      batch.put(Keys.namer(named, digest), EMPTY);
    }
  }

  /** Removes a manifest that no repository links, with its references. */
  static void forget(Index.Batch batch, Digest digest, NamesFact names) throws RocksDBException {
    batch.delete(Keys.manifest(digest));
    batch.delete(Keys.names(digest));
    for (Digest named : names.digests()) {
      batch.delete(Keys.namer(named, digest));
    }
  }

  /**
   * Returns the content that a stored manifest references; empty if the manifest is not stored, or
   * its references are not known yet.
   */
  static Optional<NamesFact> names(Index.Batch batch, Digest manifest) throws RocksDBException {
    return Optional.ofNullable(batch.get(Keys.names(manifest))).map(NamesFact::decode);
  }

  /** Returns whether a stored manifest references the digest. */
  static boolean isNamed(Index.Batch batch, Digest digest) throws RocksDBException {
    return batch.hasAny(Keys.namers(digest));
  }

  /**
   * Returns whether {@code repository} links a manifest that references the digest and is not in
   * {@code but}.
   */
  static boolean isNamedIn(
      Index.Batch batch, RepositoryName repository, Digest digest, Set<Digest> but)
      throws RocksDBException {
    return namerIn(batch, repository, digest, but).isPresent();
  }

  /** Returns whether any repository links the blob as pushed. */
  static boolean isPushed(Index.Batch batch, Digest blob) throws RocksDBException {
    byte[] prefix = Keys.linkers(blob);
    return first(
            batch,
            prefix,
            key -> {
              var repository = new RepositoryName(Keys.textAfter(prefix.length, key));
              byte[] link = batch.get(Keys.blobLink(repository, blob));
              return link != null && LinkFact.decode(link).origin() == Origin.PUSHED;
            })
        .isPresent();
  }

  /**
   * Returns {@code PUSHED} if any repository links the digest as pushed, otherwise {@code CACHED}.
   * Reads the repositories page by page.
   *
   * @param holders prefix of the keys of the repositories that link the digest
   * @param link returns the key of a repository's link
   */
  static Origin origin(Index index, byte[] holders, Function<RepositoryName, byte[]> link) {
    List<Index.Entry> page = index.page(holders, holders);
    while (!page.isEmpty()) {
      for (Index.Entry holder : page) {
        var name = new RepositoryName(Keys.textAfter(holders.length, holder.key()));
        byte[] fact = index.get(link.apply(name));
        if (fact != null && LinkFact.decode(fact).origin() == Origin.PUSHED) {
          return Origin.PUSHED;
        }
      }
      page = index.page(holders, Keys.after(page.getLast().key()));
    }
    return Origin.CACHED;
  }

  /** Returns whether {@code repository} links the manifest and no other repository does. */
  static boolean isKeptOnlyBy(Index.Batch batch, Digest manifest, RepositoryName repository)
      throws RocksDBException {
    byte[] prefix = Keys.keepers(manifest);
    byte[] own = Keys.keeper(manifest, repository);
    List<byte[]> keepers = batch.keys(prefix, prefix, 2);
    return keepers.size() == 1 && Arrays.equals(keepers.getFirst(), own);
  }

  /**
   * Returns a manifest that {@code repository} links, that references the digest and is not in
   * {@code but}.
   */
  static Optional<Digest> namerIn(
      Index.Batch batch, RepositoryName repository, Digest digest, Set<Digest> but)
      throws RocksDBException {
    byte[] prefix = Keys.namers(digest);
    return first(
            batch,
            prefix,
            key -> {
              Digest namer = Keys.digestAfter(prefix.length, key);
              return !but.contains(namer) && batch.has(Keys.manifestLink(repository, namer));
            })
        .map(key -> Keys.digestAfter(prefix.length, key));
  }

  /** Returns whether a stored manifest that is not in {@code but} references the digest. */
  static boolean isNamedByOther(Index.Batch batch, Digest digest, Set<Digest> but)
      throws RocksDBException {
    byte[] prefix = Keys.namers(digest);
    return first(batch, prefix, key -> !but.contains(Keys.digestAfter(prefix.length, key)))
        .isPresent();
  }

  /** Returns up to {@code most} repositories that link a blob. */
  static List<RepositoryName> linkers(Index.Batch batch, Digest blob, int most)
      throws RocksDBException {
    byte[] prefix = Keys.linkers(blob);
    return batch.keys(prefix, prefix, most).stream()
        .map(key -> new RepositoryName(Keys.textAfter(prefix.length, key)))
        .toList();
  }

  private interface Condition {
    boolean test(byte[] key) throws RocksDBException;
  }

  /**
   * Returns the first key with a prefix that satisfies a condition. Reads the keys page by page.
   */
  private static Optional<byte[]> first(Index.Batch batch, byte[] prefix, Condition condition)
      throws RocksDBException {
    List<byte[]> page = batch.keys(prefix, prefix, PAGE);
    while (!page.isEmpty()) {
      for (byte[] key : page) {
        if (condition.test(key)) {
          return Optional.of(key);
        }
      }
      page = batch.keys(prefix, Keys.after(page.getLast()), PAGE);
    }
    return Optional.empty();
  }
}
