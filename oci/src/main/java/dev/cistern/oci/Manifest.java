package dev.cistern.oci;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A manifest as far as a registry must understand it (image specification, "Image Manifest" and
 * "Image Index"; Docker's schema 2 has the same shape). The bytes are the manifest; this is their
 * parsed content.
 */
public sealed interface Manifest {
  /** Maximum size of a manifest, in bytes (distribution specification: at least 4 MB). */
  int MAX_BYTES = 4 << 20;

  /** Returns the type of the manifest itself. */
  MediaType mediaType();

  /** Returns the digest of the manifest that this one refers to, if any. */
  Optional<Digest> subject();

  /** Returns the type under which this manifest is listed as a referrer, if any. */
  Optional<String> artifactType();

  /** Returns the annotations of the manifest itself. */
  Map<String, String> annotations();

  /** Returns the descriptors of the blobs that this manifest names, such as config and layers. */
  Stream<Descriptor> blobs();

  /** Returns the descriptors of the manifests that this manifest names. */
  Stream<Descriptor> children();

  /**
   * Parses a manifest.
   *
   * @param declared its Content-Type
   * @throws OciException with MANIFEST_INVALID, if the bytes are not a manifest, can be read as two
   *     kinds, or contradict {@code declared}
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

    /** Returns the entries that are not manifests, which an index may also have. They are blobs. */
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
