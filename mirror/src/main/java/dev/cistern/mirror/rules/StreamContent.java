package dev.cistern.mirror.rules;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.util.List;
import java.util.Map;

/**
 * The tags and origins of an image stream, as pulls need them.
 *
 * @param tags the digests of the tags, including pushed tags
 * @param origins the origins of its images, by tag name; the latest first for each tag
 */
public record StreamContent(Map<Tag, Digest> tags, List<Origin> origins) {
  public StreamContent {
    tags = Map.copyOf(tags);
    origins = List.copyOf(origins);
  }

  /**
   * A repository of another registry.
   *
   * @param isInsecure whether the registry may be reached without verified TLS
   */
  public record Origin(String host, RepositoryName repository, boolean isInsecure) {}
}
