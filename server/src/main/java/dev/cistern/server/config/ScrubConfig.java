package dev.cistern.server.config;

import dev.cistern.storage.ScrubSettings;
import java.time.DateTimeException;
import java.time.LocalTime;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The settings of the scrub.
 *
 * @param window the time of the day in which it may run; empty for always
 */
public record ScrubConfig(ScrubSettings settings, Optional<Window> window) {
  /** The default: at any time, with the default interval and rate. */
  static final ScrubConfig DEFAULT = new ScrubConfig(ScrubSettings.DEFAULT, Optional.empty());

  /** A part of each day in the time zone of the server. It may cross midnight. */
  public record Window(LocalTime from, LocalTime to) {
    private static final Pattern FORM = Pattern.compile("(\\d\\d:\\d\\d)-(\\d\\d:\\d\\d)");

    /**
     * Parses {@code HH:MM-HH:MM}. Returns empty if the text has another form, or if start and end
     * are equal.
     */
    static Optional<Window> parse(String text) {
      Matcher matcher = FORM.matcher(text);
      if (!matcher.matches()) {
        return Optional.empty();
      }
      try {
        var window =
            new Window(LocalTime.parse(matcher.group(1)), LocalTime.parse(matcher.group(2)));
        return window.from.equals(window.to) ? Optional.empty() : Optional.of(window);
      } catch (DateTimeException e) {
        return Optional.empty();
      }
    }

    /** Returns whether a time of the day is in the window. The end is exclusive. */
    public boolean contains(LocalTime time) {
      boolean isAfterStart = !time.isBefore(from);
      boolean isBeforeEnd = time.isBefore(to);
      return from.isBefore(to) ? isAfterStart && isBeforeEnd : isAfterStart || isBeforeEnd;
    }
  }

  /** Reads {@code scrub:} of a section. Returns empty for {@code off}. */
  static Optional<ScrubConfig> read(Section storage, Optional<ScrubConfig> before) {
    if (storage.isWord("scrub", "off")) {
      return Optional.empty();
    }
    Optional<Section> section = storage.section("scrub");
    return section.isEmpty() ? before : Optional.of(read(section.get()));
  }

  private static ScrubConfig read(Section section) {
    ScrubSettings usual = ScrubSettings.DEFAULT;
    var settings =
        new ScrubSettings(
            section.pause("every").orElse(usual.every()),
            section.size("rate").orElse(usual.rate()));
    if (settings.rate() == 0) {
      throw section.wrong("rate", "more than nothing is expected; off turns the scrub off");
    }
    Optional<Window> window =
        section
            .text("window")
            .map(text ->
                Window.parse(text)
                    .orElseThrow(() ->
                        section.wrong(
                            "window",
                            "HH:MM-HH:MM is expected, such as 01:00-05:00, not " + text)));
    section.end();
    return new ScrubConfig(settings, window);
  }
}
