package dev.cistern.storage;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.LinkFact;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.rocksdb.RocksDBException;

/**
 * Who leads to a digest: the repositories that link it and the stored manifests that name it. The
 * links and manifests themselves can be asked only from their own end; these are the same facts
 * from the other end, written in the batch that writes them.
 */
final class Holders {
  private static final byte[] EMPTY = {};

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

  /** Writes what a manifest names. */
  static void name(Index.Batch batch, Digest digest, Manifest manifest) throws RocksDBException {
    for (Digest named : named(manifest)) {
      batch.put(Keys.namer(named, digest), EMPTY);
    }
  }

  /** Removes a manifest that no repository keeps, and that it names others. */
  static void forget(Index.Batch batch, Digest digest, Manifest manifest) throws RocksDBException {
    batch.delete(Keys.manifest(digest));
    for (Digest named : named(manifest)) {
      batch.delete(Keys.namer(named, digest));
    }
  }

  /** Returns the digests of what a manifest names, each once. */
  static Set<Digest> named(Manifest manifest) {
    var digests = new LinkedHashSet<Digest>();
    Stream.concat(manifest.blobs(), manifest.children())
        .map(Descriptor::digest)
        .forEach(digests::add);
    return digests;
  }

  /** Says whether a stored manifest names it. */
  static boolean isNamed(Index.Batch batch, Digest digest) throws RocksDBException {
    return batch.hasAny(Keys.namers(digest));
  }

  /** Says whether a manifest that {@code repository} keeps, other than {@code but}, names it. */
  static boolean isNamedIn(
      Index.Batch batch, RepositoryName repository, Digest digest, Set<Digest> but)
      throws RocksDBException {
    for (Digest namer : namers(batch, digest)) {
      if (!but.contains(namer) && batch.get(Keys.manifestLink(repository, namer)) != null) {
        return true;
      }
    }
    return false;
  }

  /** Says whether a repository links the blob because it was pushed there. */
  static boolean isPushed(Index.Batch batch, Digest blob) throws RocksDBException {
    for (RepositoryName repository : linkers(batch, blob)) {
      byte[] link = batch.get(Keys.blobLink(repository, blob));
      if (link != null && LinkFact.decode(link).origin() == Origin.PUSHED) {
        return true;
      }
    }
    return false;
  }

  static List<Digest> namers(Index.Batch batch, Digest named) throws RocksDBException {
    byte[] prefix = Keys.namers(named);
    var namers = new ArrayList<Digest>();
    batch.scan(
        prefix,
        (key, value) -> {
          namers.add(Keys.digestAfter(prefix.length, key));
          return true;
        });
    return namers;
  }

  static List<RepositoryName> linkers(Index.Batch batch, Digest blob) throws RocksDBException {
    return repositories(batch, Keys.linkers(blob));
  }

  static List<RepositoryName> keepers(Index.Batch batch, Digest manifest) throws RocksDBException {
    return repositories(batch, Keys.keepers(manifest));
  }

  private static List<RepositoryName> repositories(Index.Batch batch, byte[] prefix)
      throws RocksDBException {
    var repositories = new ArrayList<RepositoryName>();
    batch.scan(
        prefix,
        (key, value) -> {
          repositories.add(new RepositoryName(Keys.textAfter(prefix.length, key)));
          return true;
        });
    return repositories;
  }
}
