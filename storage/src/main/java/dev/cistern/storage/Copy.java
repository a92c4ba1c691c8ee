package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ManifestWalk;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.NamesFact;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.rocksdb.RocksDBException;

/**
 * Copy of an image from one repository to another. It copies the links of the image's manifests and
 * blobs with their origins. It walks over the manifests first, so that nothing is changed if the
 * walk is refused.
 */
final class Copy {
  private static final byte[] EMPTY = {};

  private final Index index;
  private final ManifestNames names;
  private final RepositoryName from;
  private final RepositoryName to;
  private final Instant now;

  Copy(Index index, ManifestNames names, RepositoryName from, RepositoryName to, Instant now) {
    this.index = index;
    this.names = names;
    this.from = from;
    this.to = to;
    this.now = now;
  }

  /** Copies the image. Returns false if the source repository does not have it. */
  boolean run(Digest root) throws IOException {
    List<Digest> manifests = manifests(root);
    return index.decide(
        Index.Durability.SYNCED,
        batch -> {
          if (!batch.has(Keys.manifestLink(from, root)) || Holders.names(batch, root).isEmpty()) {
            return false;
          }
          batch.readsNothingItWrote();
          for (Digest manifest : manifests) {
            copy(batch, manifest);
          }
          batch.put(Keys.repository(to), EMPTY);
          return true;
        });
  }

  /** Returns the manifests of the image that the source repository has. */
  private List<Digest> manifests(Digest root) throws IOException {
    var found = new ArrayList<Digest>();
    ManifestWalk.<IOException>from(
        root,
        (manifest, level) -> {
          Optional<NamesFact> named =
              index.get(Keys.manifestLink(from, manifest)) == null
                  ? Optional.empty()
                  : names.learn(manifest);
          if (named.isEmpty()) {
            return ManifestWalk.Visit.NOTHING;
          }
          found.add(manifest);
          return new ManifestWalk.Visit(named.get().bytes(), named.get().children().toList());
        });
    return found;
  }

  private void copy(Index.Batch batch, Digest manifest) throws RocksDBException {
    byte[] link = batch.get(Keys.manifestLink(from, manifest));
    Optional<NamesFact> named = Holders.names(batch, manifest);
    if (link == null || named.isEmpty()) {
      return; // it was deleted from the source repository meanwhile
    }
    Origin origin = LinkFact.decode(link).origin();
    for (Digest blob : named.get().digests()) {
      byte[] blobLink = batch.get(Keys.blobLink(from, blob));
      if (blobLink != null) {
        Blobs.putLink(batch, to, blob, LinkFact.decode(blobLink).origin(), now);
      }
    }
    if (origin == Origin.CACHED) { // its upstream has every blob that it references
      for (Digest blob : named.get().blobs().toList()) {
        if (!batch.has(Keys.blobLink(from, blob))) {
          Blobs.putLink(batch, to, blob, origin, now);
        }
      }
    }
    Repositories.keep(batch, to, manifest, origin, now);
    Optional<Digest> subject = named.get().subject();
    if (subject.isPresent()) {
      byte[] referrer = batch.get(Keys.referrer(from, subject.get(), manifest));
      if (referrer != null) {
        batch.put(Keys.referrer(to, subject.get(), manifest), referrer);
      }
    }
  }
}
