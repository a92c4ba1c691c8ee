package dev.cistern.oci;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A manifest as far as a registry must understand it (image specification, "Image Manifest" and
 * "Image Index"; Docker's schema 2 has the same shape). The bytes are the manifest; this is what
 * they say.
 */
public sealed interface Manifest {
  /**
   * The largest manifest that is accepted, in bytes (distribution specification: at least 4 MB).
   */
  int MAX_BYTES = 4 << 20;

  /** Returns the type of the manifest itself. */
  MediaType mediaType();

  /** Returns the manifest that this one is attached to. */
  Optional<Digest> subject();

  /** Returns the type under which this is listed as a referrer. */
  Optional<String> artifactType();

  /** Returns the annotations of the manifest itself. */
  Map<String, String> annotations();

  /** Returns the blobs this manifest names: config and layers. */
  Stream<Descriptor> blobs();

  /** Returns the manifests this manifest names. */
  Stream<Descriptor> children();

  /**
   * Parses a manifest.
   *
   * @param declared the Content-Type it came with
   * @throws OciException with MANIFEST_INVALID, if it is no manifest, if it could be read as two
   *     kinds, or if it contradicts {@code declared}
   */
  static Manifest parse(byte[] bytes, Optional<MediaType> declared) {
    return ManifestParser.parse(bytes, declared);
  }

  /** One image, or one artifact in the shape of an image. */
  record Image(
      MediaType mediaType,
      Descriptor config,
      List<Descriptor> layers,
      Optional<Digest> subject,
      Optional<String> artifactType,
      Map<String, String> annotations)
      implements Manifest {
    public Image {
      layers = List.copyOf(layers);
      annotations = Map.copyOf(annotations);
    }

    @Override
    public Stream<Descriptor> blobs() {
      return Stream.concat(Stream.of(config), layers.stream());
    }

    @Override
    public Stream<Descriptor> children() {
      return Stream.empty();
    }
  }

  /** A list of manifests, for several platforms or of artifacts. */
  record Index(
      MediaType mediaType,
      List<Descriptor> manifests,
      Optional<Digest> subject,
      Optional<String> artifactType,
      Map<String, String> annotations)
      implements Manifest {
    public Index {
      manifests = List.copyOf(manifests);
      annotations = Map.copyOf(annotations);
    }

    /** An index may also hold things that are no manifests; those are blobs. */
    @Override
    public Stream<Descriptor> blobs() {
      return manifests.stream().filter(child -> !child.mediaType().isManifest());
    }

    @Override
    public Stream<Descriptor> children() {
      return manifests.stream().filter(child -> child.mediaType().isManifest());
    }
  }
}
