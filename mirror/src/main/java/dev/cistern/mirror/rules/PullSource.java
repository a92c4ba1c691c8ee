package dev.cistern.mirror.rules;

import dev.cistern.oci.RepositoryName;
import java.util.Optional;

/**
 * One place that a repository can be pulled from.
 *
 * @param upstream the name of a configured upstream, or the host of a registry that a rule names
 * @param endpoint the upstream's endpoint, counted from 0 in the order they are tried
 * @param repository the repository's name at the upstream
 * @param pullFrom the kind of references that may be requested
 * @param isInsecure whether a rule permits access without verified TLS
 * @param isUnverified whether an import permits access without verified TLS, regardless of rules
 *     and of settings of a configured upstream. Then only the namespace's own credentials are
 *     presented
 * @param secrets the namespace whose own pull secrets are presented before all others, if it has
 *     any
 */
public record PullSource(
    String upstream,
    int endpoint,
    RepositoryName repository,
    PullFrom pullFrom,
    boolean isInsecure,
    boolean isUnverified,
    Optional<String> secrets) {
  /** Returns the name of upstream and endpoint, for messages. */
  public String name() {
    return endpoint == 0 ? upstream : upstream + "#" + (endpoint + 1);
  }

  /** Returns this source with the pull secrets of a namespace, or of none. */
  public PullSource withSecrets(Optional<String> namespace) {
    return new PullSource(
        upstream, endpoint, repository, pullFrom, isInsecure, isUnverified, namespace);
  }

  PullSource with(PullFrom other) {
    return new PullSource(upstream, endpoint, repository, other, isInsecure, isUnverified, secrets);
  }
}
