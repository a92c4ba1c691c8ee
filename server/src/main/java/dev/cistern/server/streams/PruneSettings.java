package dev.cistern.server.streams;

import java.time.Duration;
import java.util.Optional;

/**
 * What is pruned.
 *
 * @param keepYoungerThan what is younger, or was used later, stays
 * @param keepTagRevisions how many items of a tag stay, however old
 * @param namespace in which; everywhere if empty
 */
public record PruneSettings(
    Duration keepYoungerThan, int keepTagRevisions, Optional<String> namespace) {
  public static final PruneSettings USUAL =
      new PruneSettings(Duration.ofMinutes(60), 3, Optional.empty());
}
