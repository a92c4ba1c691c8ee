package dev.cistern.server.streams;

import java.time.Duration;

/**
 * Settings for imports of images.
 *
 * @param interval the time between two checks of a scheduled tag
 * @param perMinute the maximum number of scheduled tags that are checked per minute
 * @param mostTags the maximum number of tags that are imported of a whole repository; -1 for all
 */
public record ImportSettings(Duration interval, int perMinute, int mostTags) {
  public static final ImportSettings USUAL = new ImportSettings(Duration.ofMinutes(15), 60, 50);
}
