package dev.cistern.mirror.rules;

import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import java.util.List;
import java.util.Optional;

/**
 * What a request's name means here.
 *
 * @param repository where it is kept
 * @param sources where it is filled from, in order; none if it is only what was pushed here
 * @param namespace the value of {@code ns} that was used, to be sent back as OCI-Namespace
 * @param rule by what the sources were found, for people
 * @param via whom the request came through, as its header Via says (RFC 9110 section 7.6.3)
 */
public record Location(
    RepositoryName repository,
    List<PullSource> sources,
    Optional<String> namespace,
    String rule,
    Optional<String> via) {
  public Location {
    sources = List.copyOf(sources);
  }

  Location(
      RepositoryName repository,
      List<PullSource> sources,
      Optional<String> namespace,
      String rule) {
    this(repository, sources, namespace, rule, Optional.empty());
  }

  /** Returns the same for a request that came through {@code proxies}. */
  public Location via(Optional<String> proxies) {
    return proxies.isEmpty() ? this : new Location(repository, sources, namespace, rule, proxies);
  }

  /** Returns the sources that may be asked for {@code reference}, in order. */
  public List<PullSource> sources(Reference reference) {
    return sources.stream().filter(source -> source.serves(reference)).toList();
  }
}
