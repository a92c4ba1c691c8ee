package dev.cistern.mirror;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * How a pull would be answered, without doing it; no upstream is asked.
 *
 * @param repository where it is kept
 * @param rule by what its sources were found
 * @param here what is here of it
 * @param sources where it would be pulled from, in the order they would be asked
 */
public record Why(
    RepositoryName repository, String rule, Optional<Here> here, List<Source> sources) {
  public Why {
    sources = List.copyOf(sources);
  }

  /**
   * What is here.
   *
   * @param isPushed whether a client pushed it; it is never asked for then
   * @param checked when an upstream confirmed the tag; empty for a digest
   * @param freshUntil until when the tag is given without asking; empty if that is for ever
   */
  public record Here(
      Digest digest, boolean isPushed, Optional<Instant> checked, Optional<Instant> freshUntil) {}

  /**
   * A source.
   *
   * @param credentials whose credentials would be presented, and of which entry of which file,
   *     never the secret; empty for none
   * @param outage why it is out, if it failed lately
   * @param last how it answered the last question about that repository
   */
  public record Source(
      String name,
      URI endpoint,
      RepositoryName repository,
      Optional<String> credentials,
      Optional<String> outage,
      Optional<Last> last) {}

  /** An answer: when, and {@code found}, {@code missing} or why not. */
  public record Last(Instant when, String outcome) {}
}
