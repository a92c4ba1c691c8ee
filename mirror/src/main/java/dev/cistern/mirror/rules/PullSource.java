package dev.cistern.mirror.rules;

import dev.cistern.oci.RepositoryName;
import java.util.Optional;

/**
 * One place to pull a repository from.
 *
 * @param upstream the name of a configured upstream, or the host of a registry that a rule names
 * @param endpoint which of the upstream's endpoints, counted from 0 in the order they are tried
 * @param repository the repository's name there
 * @param pullFrom what it may be asked for
 * @param isInsecure whether a rule lets it be reached without verified TLS
 * @param isUnverified whether only an import lets it be reached so, whatever rules and the settings
 *     of a configured upstream say; then no credentials but the namespace's own are presented
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
  /** Returns the name of upstream and endpoint, for people. */
  public String name() {
    return endpoint == 0 ? upstream : upstream + "#" + (endpoint + 1);
  }

  /** Returns the same for who presents the secrets of a namespace, or of none. */
  public PullSource withSecrets(Optional<String> namespace) {
    return new PullSource(
        upstream, endpoint, repository, pullFrom, isInsecure, isUnverified, namespace);
  }

  PullSource with(PullFrom other) {
    return new PullSource(upstream, endpoint, repository, other, isInsecure, isUnverified, secrets);
  }
}
