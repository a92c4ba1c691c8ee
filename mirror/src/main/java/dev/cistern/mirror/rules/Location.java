package dev.cistern.mirror.rules;

import dev.cistern.oci.RepositoryName;
import java.util.List;
import java.util.Optional;

/**
 * What a request's name means here.
 *
 * @param repository where it is kept
 * @param sources where it is filled from, in order; none if it is only what was pushed here
 * @param namespace the value of {@code ns} that was used, to be sent back as OCI-Namespace
 */
public record Location(
    RepositoryName repository, List<PullSource> sources, Optional<String> namespace) {
  public Location {
    sources = List.copyOf(sources);
  }
}
