package dev.cistern.mirror;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Explanation of how a pull would be answered, without doing it; no upstream is asked.
 *
 * @param repository the repository that stores the content
 * @param rule the rule by which its sources were found
 * @param here the stored content; empty if there is none
 * @param sources the sources, in the order they would be asked
 */
public record Why(
    RepositoryName repository, String rule, Optional<Here> here, List<Source> sources) {
  public Why {
    sources = List.copyOf(sources);
  }

  /**
   * The stored content for a reference.
   *
   * @param isPushed whether a client pushed the tag; then no upstream is asked; false for a digest
   * @param checked when an upstream confirmed the tag; empty for a digest
   * @param freshUntil the end of the time in which the tag is served without asking; empty if
   *     unlimited
   */
  public record Here(
      Digest digest, boolean isPushed, Optional<Instant> checked, Optional<Instant> freshUntil) {}

  /**
   * A pull source, as a pull would use it.
   *
   * @param credentials the user name that would be presented, and its entry and file, never the
   *     secret; empty for none
   * @param outage the reason of its outage, if it failed recently
   * @param last its answer to the last request for that repository
   */
  public record Source(
      String name,
      URI endpoint,
      RepositoryName repository,
      Optional<String> credentials,
      Optional<String> outage,
      Optional<Last> last) {}

  /** An answer: its time, and {@code found} or the reason of the failure. */
  public record Last(Instant when, String outcome) {}
}
