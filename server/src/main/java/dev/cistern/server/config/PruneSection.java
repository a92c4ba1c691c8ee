package dev.cistern.server.config;

import dev.cistern.server.streams.PruneSettings;
import dev.cistern.server.streams.StreamSettings;
import java.util.Optional;

/** The parser of {@code prune:}, the settings and the schedule of pruning. */
final class PruneSection {
  private static final int MOST = 1_000_000;

  private PruneSection() {}

  /** Reads the section; {@code before} has the values of absent keys. */
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
