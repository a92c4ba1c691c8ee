package dev.cistern.mirror.rules;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.util.List;
import java.util.Map;

/**
 * A repository here that is an image stream, as far as pulls are concerned.
 *
 * @param tags where they point; those of pushes too
 * @param origins where its images came from: by the names of tags, of each the latest first
 */
public record StreamContent(Map<Tag, Digest> tags, List<Origin> origins) {
  public StreamContent {
    tags = Map.copyOf(tags);
    origins = List.copyOf(origins);
  }

  /**
   * A repository of another registry.
   *
   * @param isInsecure whether it may be reached without verified TLS
   */
  public record Origin(String host, RepositoryName repository, boolean isInsecure) {}
}
