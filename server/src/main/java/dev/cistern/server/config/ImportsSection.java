package dev.cistern.server.config;

import dev.cistern.server.streams.ImportSettings;

/** Reads {@code imports:}, how image streams are imported. */
final class ImportsSection {
  private static final int MOST = 1_000_000;
  private static final String ALL = "-1";

  private ImportsSection() {}

  /** Reads the keys; {@code before} counts for those that are not there. */
  static ImportSettings read(Section section, ImportSettings before) {
    boolean isAll = section.text("mostTags").filter(ALL::equals).isPresent();
    var settings =
        new ImportSettings(
            section.pause("interval").orElse(before.interval()),
            section.count("perMinute", MOST).orElse(before.perMinute()),
            isAll ? -1 : section.count("mostTags", MOST).orElse(before.mostTags()));
    section.end();
    return settings;
  }
}
