package dev.cistern.server.config;

import dev.cistern.server.streams.ImportSettings;
import dev.cistern.server.streams.StreamSettings;

/** The parser of {@code imports:}, the settings of image stream imports. */
final class ImportsSection {
  private static final int MOST = 1_000_000;
  private static final String ALL = "-1";

  private ImportsSection() {}

  /** Reads the section; {@code before} has the values of absent keys. */
  static StreamSettings read(Section section, StreamSettings before) {
    boolean isAll = section.text("mostTags").filter(ALL::equals).isPresent();
    ImportSettings imports = before.imports();
    var settings =
        new StreamSettings(
            new ImportSettings(
                section.pause("interval").orElse(imports.interval()),
                section.count("perMinute", MOST).orElse(imports.perMinute()),
                isAll ? -1 : section.count("mostTags", MOST).orElse(imports.mostTags())),
            UpstreamSection.prefetch(section).or(before::prefetch),
            before.prune(),
            before.pruneEvery());
    section.end();
    return settings;
  }
}
