package dev.cistern.server.streams;

import dev.cistern.oci.Platform;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Settings for image streams.
 *
 * @param prefetch the default platforms to prefetch for tags with the reference policy Local; empty
 *     for none
 * @param prune the settings of scheduled prune runs, and the defaults of the others
 * @param pruneEvery the time between scheduled prune runs; empty for none
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
