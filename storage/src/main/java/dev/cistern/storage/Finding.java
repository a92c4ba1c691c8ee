package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.util.List;
import java.util.Optional;

/**
 * One thing that a check of the store has found.
 *
 * @param subject what it is about: a digest, a tag, a file below the data directory, an object
 * @param origin whether the content was pushed or cached, where that is known
 * @param repositories those that name it, the first of them
 * @param moreRepositories how many others name it
 * @param isRepaired whether nothing is left to do
 * @param advice what is left to do; empty where it is repaired
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
