package dev.cistern.mirror.rules;

import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;

/**
 * One place to pull a repository from.
 *
 * @param upstream the name of the upstream
 * @param endpoint which of the upstream's endpoints, counted from 0 in the order they are tried
 * @param repository the repository's name there
 * @param isDigestOnly whether only digests may be asked for, never tags
 */
public record PullSource(
    String upstream, int endpoint, RepositoryName repository, boolean isDigestOnly) {
  /** Returns the name of upstream and endpoint, for people. */
  public String name() {
    return endpoint == 0 ? upstream : upstream + "#" + (endpoint + 1);
  }

  /** Says whether this source may be asked for {@code reference}. */
  public boolean serves(Reference reference) {
    return !(isDigestOnly && reference instanceof Tag);
  }
}
