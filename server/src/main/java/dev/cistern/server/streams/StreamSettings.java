package dev.cistern.server.streams;

import dev.cistern.oci.Platform;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How image streams are looked after.
 *
 * @param prefetch what is brought here of images that are kept here, unless their stream says it
 * @param prune what is pruned by schedule, and what is kept unless it is said
 * @param pruneEvery how often; empty for never
 */
public record StreamSettings(
    ImportSettings imports,
    Optional<List<Platform>> prefetch,
    PruneSettings prune,
    Optional<Duration> pruneEvery) {
  public static final StreamSettings USUAL =
      new StreamSettings(
          ImportSettings.USUAL, Optional.empty(), PruneSettings.USUAL, Optional.empty());
}
