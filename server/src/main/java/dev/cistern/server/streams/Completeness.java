package dev.cistern.server.streams;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.ManifestWalk;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Blobs;
import dev.cistern.storage.Repositories;
import dev.cistern.storage.StoredManifest;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Counter of the stored parts of images, which shows whether an image can be pulled while its
 * upstream is down.
 */
public final class Completeness {
  private final Repositories repositories;
  private final Blobs blobs;

  public Completeness(Repositories repositories, Blobs blobs) {
    this.repositories = repositories;
    this.blobs = blobs;
  }

  /**
   * The stored share of an image.
   *
   * @param parts the number of manifests, configurations and layers that are known to belong to it
   * @param here the number of these parts that are stored
   * @param bytes the total size of the known blobs
   * @param bytesHere the total size of the stored blobs
   */
  public record Share(int parts, int here, long bytes, long bytesHere) {
    /** Returns whether nothing is missing. */
    public boolean isComplete() {
      return parts == here;
    }
  }

  /**
   * Returns the stored share of an image of a stream, for all platforms.
   *
   * @return empty if the name of the stream or the digest is invalid
   * @throws OciException with MANIFEST_INVALID, if it leads to more manifests than are followed
   */
  public Optional<Share> of(ImageStream stream, String image) {
    return Streams.repository(stream.namespace(), stream.name())
        .flatMap(name -> Streams.digest(image).map(digest -> of(name, digest, List.of())));
  }

  /**
   * Returns the stored share of an image.
   *
   * @param platforms the platforms of an index to count; an empty list means all
   * @throws OciException with MANIFEST_INVALID, if it leads to more manifests than are followed
   */
  Share of(RepositoryName repository, Digest digest, List<Platform> platforms) {
    var count = new Count(repository, platforms);
    count.image(digest);
    return new Share(count.parts, count.here, count.bytes, count.bytesHere);
  }

  private final class Count {
    private final RepositoryName repository;
    private final List<Platform> platforms;
    private final Set<Digest> seen = new HashSet<>();
    private int parts;
    private int here;
    private long bytes;
    private long bytesHere;

    Count(RepositoryName repository, List<Platform> platforms) {
      this.repository = repository;
      this.platforms = platforms;
    }

    void image(Digest root) {
      ManifestWalk.<RuntimeException>from(root, (digest, level) -> manifest(digest));
    }

    private ManifestWalk.Visit manifest(Digest digest) {
      if (!seen.add(digest)) {
        return ManifestWalk.Visit.NOTHING; // already counted as a blob with this digest
      }
      parts++;
      Optional<StoredManifest> stored = repositories.manifest(repository, digest);
      if (stored.isEmpty()) {
        return ManifestWalk.Visit.NOTHING;
      }
      here++;
      Manifest manifest =
          Manifest.parse(stored.get().bytes(), Optional.of(stored.get().mediaType()));
      manifest.blobs().filter(blob -> !blob.mediaType().isNonDistributable()).forEach(this::blob);
      return new ManifestWalk.Visit(
          stored.get().bytes().length,
          manifest
              .children()
              .filter(child -> child.isFor(platforms))
              .map(Descriptor::digest)
              .toList());
    }

    private void blob(Descriptor blob) {
      if (!seen.add(blob.digest())) {
        return;
      }
      parts++;
      bytes += blob.size();
      if (blobs.isLinked(repository, blob.digest()) && blobs.size(blob.digest()).isPresent()) {
        here++;
        bytesHere += blob.size();
      }
    }
  }
}
