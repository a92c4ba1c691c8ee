package dev.cistern.server.config;

import dev.cistern.server.streams.PruneSettings;
import dev.cistern.server.streams.StreamSettings;
import java.util.Optional;

/** Reads {@code prune:}, what goes of image streams, and when. */
final class PruneSection {
  private static final int MOST = 1_000_000;

  private PruneSection() {}

  /** Reads the keys; {@code before} counts for those that are not there. */
  static StreamSettings read(Section section, StreamSettings before) {
    var settings =
        new StreamSettings(
            before.imports(),
            before.prefetch(),
            new PruneSettings(
                section.duration("keepYoungerThan").orElse(before.prune().keepYoungerThan()),
                section.count("keepTagRevisions", MOST).orElse(before.prune().keepTagRevisions()),
                Optional.empty()),
            section.pause("every").or(before::pruneEvery));
    section.end();
    return settings;
  }
}
