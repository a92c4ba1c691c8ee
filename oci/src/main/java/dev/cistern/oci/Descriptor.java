package dev.cistern.oci;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a manifest says of other content (image specification, "Content Descriptors").
 *
 * @param size bytes, not negative
 * @param artifactType empty where the manifest gives none
 */
public record Descriptor(
    MediaType mediaType,
    Digest digest,
    long size,
    Optional<String> artifactType,
    Map<String, String> annotations,
    Optional<Platform> platform) {
  public Descriptor {
    annotations = Map.copyOf(annotations);
  }

  /** Says whether it is for one of these platforms: one that names none is for all. */
  public boolean isFor(List<Platform> platforms) {
    return platforms.isEmpty()
        || platform.isEmpty()
        || platforms.stream().anyMatch(platform.get()::is);
  }
}
