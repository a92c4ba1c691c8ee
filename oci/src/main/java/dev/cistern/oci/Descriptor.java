package dev.cistern.oci;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A descriptor of content, as a manifest names it (image specification, "Content Descriptors").
 *
 * @param size the size in bytes, not negative
 * @param artifactType empty if the manifest has none
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

  /**
   * Returns whether the content is for one of these platforms. Content without a platform is for
   * all of them. An empty list means all platforms.
   */
  public boolean isFor(List<Platform> platforms) {
    return platforms.isEmpty()
        || platform.isEmpty()
        || platforms.stream().anyMatch(platform.get()::is);
  }
}
