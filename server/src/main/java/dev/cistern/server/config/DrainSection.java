package dev.cistern.server.config;

import java.time.Duration;

/** The parser of {@code drain:}, the settings of the drain. */
final class DrainSection {
  /**
   * Maximum of each time. It is longer than any client waits, and short enough for a clock in
   * nanoseconds.
   */
  private static final Duration MAX = Duration.ofDays(1);

  private DrainSection() {}

  /** Reads the section; {@code before} has the values of absent keys. */
  static DrainSettings read(Section section, DrainSettings before) {
    var settings =
        new DrainSettings(
            duration(section, "delay", before.delay()),
            duration(section, "timeout", before.timeout()),
            duration(section, "fills", before.fills()));
    if (settings.fills().compareTo(settings.timeout()) > 0) {
      throw section.wrong("fills", "at most drain.timeout is expected");
    }
    section.end();
    return settings;
  }

  private static Duration duration(Section section, String key, Duration before) {
    Duration duration = section.duration(key).orElse(before);
    if (duration.compareTo(MAX) > 0) {
      throw section.wrong(key, "at most 1d is expected");
    }
    return duration;
  }
}
