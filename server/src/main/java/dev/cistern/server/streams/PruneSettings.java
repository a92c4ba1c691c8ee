package dev.cistern.server.streams;

import java.time.Duration;
import java.util.Optional;

/**
 * Settings of a prune run.
 *
 * @param keepYoungerThan the time for which items and images stay after their creation or last use
 * @param keepTagRevisions the number of the latest items of a tag that stay at any age
 * @param namespace the namespace to prune; empty for all
 */
public record PruneSettings(
    Duration keepYoungerThan, int keepTagRevisions, Optional<String> namespace) {
  public static final PruneSettings USUAL =
      new PruneSettings(Duration.ofMinutes(60), 3, Optional.empty());
}
