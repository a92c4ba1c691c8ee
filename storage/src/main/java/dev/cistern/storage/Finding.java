package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.util.List;
import java.util.Optional;

/**
 * One problem that a check of the store found.
 *
 * @param subject affected item: a digest, a tag, a file below the data directory, or an object
 * @param origin origin of the content, pushed or cached, if it is known
 * @param repositories first affected repositories, at most 20
 * @param moreRepositories number of further affected repositories, at most 10,000
 * @param isRepaired whether nothing is left to do
 * @param advice remaining action; empty if the problem is repaired
 */
public record Finding(
    FindingKind kind,
    String subject,
    Optional<Digest> digest,
    Optional<Origin> origin,
    List<RepositoryName> repositories,
    int moreRepositories,
    String detail,
    boolean isRepaired,
    String advice) {
  public Finding {
    repositories = List.copyOf(repositories);
  }

  /** Returns a finding that is not about a digest. */
  static Finding of(
      FindingKind kind, String subject, String detail, boolean isRepaired, String advice) {
    return new Finding(
        kind,
        subject,
        Optional.empty(),
        Optional.empty(),
        List.of(),
        0,
        detail,
        isRepaired,
        isRepaired ? "" : advice);
  }
}
