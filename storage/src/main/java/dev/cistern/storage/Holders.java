package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.NamesFact;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.rocksdb.RocksDBException;

/**
 * Who leads to a digest: the repositories that link it and the stored manifests that name it. The
 * links and manifests themselves can be asked only from their own end; these are the same facts
 * from the other end, written in the batch that writes them.
 */
final class Holders {
  private static final byte[] EMPTY = {};
  private static final int PAGE = 1_000;

  private Holders() {}

  /** Writes that {@code repository} keeps the manifest. */
  static void keep(Index.Batch batch, RepositoryName repository, Digest digest, LinkFact fact)
      throws RocksDBException {
    batch.put(Keys.manifestLink(repository, digest), fact.encoded());
    batch.put(Keys.keeper(digest, repository), EMPTY);
  }

  /** Removes what {@link #keep} wrote. */
  static void unkeep(Index.Batch batch, RepositoryName repository, Digest digest)
      throws RocksDBException {
    batch.delete(Keys.manifestLink(repository, digest));
    batch.delete(Keys.keeper(digest, repository));
  }

  /** Writes that {@code repository} may reach the blob. */
  static void link(Index.Batch batch, RepositoryName repository, Digest digest, LinkFact fact)
      throws RocksDBException {
    batch.put(Keys.blobLink(repository, digest), fact.encoded());
    batch.put(Keys.linker(digest, repository), EMPTY);
  }

  /** Removes what {@link #link} wrote. */
  static void unlink(Index.Batch batch, RepositoryName repository, Digest digest)
      throws RocksDBException {
    batch.delete(Keys.blobLink(repository, digest));
    batch.delete(Keys.linker(digest, repository));
  }

  /** Writes what a manifest names, from both ends. */
  static void name(Index.Batch batch, Digest digest, NamesFact names) throws RocksDBException {
    batch.put(Keys.names(digest), names.encoded());
    for (Digest named : names.digests()) {
      batch.put(Keys.namer(named, digest), EMPTY);
    }
  }

  /** Removes a manifest that no repository keeps, and that it names others. */
  static void forget(Index.Batch batch, Digest digest, NamesFact names) throws RocksDBException {
    batch.delete(Keys.manifest(digest));
    batch.delete(Keys.names(digest));
    for (Digest named : names.digests()) {
      batch.delete(Keys.namer(named, digest));
    }
  }

  /** Returns what a stored manifest names; empty if it is not stored, or that is not known yet. */
  static Optional<NamesFact> names(Index.Batch batch, Digest manifest) throws RocksDBException {
    return Optional.ofNullable(batch.get(Keys.names(manifest))).map(NamesFact::decode);
  }

  /** Says whether a stored manifest names it. */
  static boolean isNamed(Index.Batch batch, Digest digest) throws RocksDBException {
    return batch.hasAny(Keys.namers(digest));
  }

  /** Says whether a manifest that {@code repository} keeps, other than {@code but}, names it. */
  static boolean isNamedIn(
      Index.Batch batch, RepositoryName repository, Digest digest, Set<Digest> but)
      throws RocksDBException {
    return namerIn(batch, repository, digest, but).isPresent();
  }

  /** Says whether a repository links the blob because it was pushed there. */
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

  /** Returns whether {@code repository} keeps the manifest and no other does. */
  static boolean isKeptOnlyBy(Index.Batch batch, Digest manifest, RepositoryName repository)
      throws RocksDBException {
    byte[] prefix = Keys.keepers(manifest);
    byte[] own = Keys.keeper(manifest, repository);
    List<byte[]> keepers = batch.keys(prefix, prefix, 2);
    return keepers.size() == 1 && Arrays.equals(keepers.getFirst(), own);
  }

  /**
   * Returns a manifest, other than {@code but}, that {@code repository} keeps and that names it.
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

  /** Returns whether a stored manifest other than {@code but} names it. */
  static boolean isNamedByOther(Index.Batch batch, Digest digest, Set<Digest> but)
      throws RocksDBException {
    byte[] prefix = Keys.namers(digest);
    return first(batch, prefix, key -> !but.contains(Keys.digestAfter(prefix.length, key)))
        .isPresent();
  }

  /** Returns up to {@code most} of the repositories that link a blob. */
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

  /** Returns the first key with a prefix that a condition holds for; reads them page by page. */
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
