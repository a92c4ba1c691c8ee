package dev.cistern.server.streams;

import java.time.Duration;

/**
 * How images are imported.
 *
 * @param interval after which a scheduled tag is looked at again
 * @param perMinute how many scheduled tags are looked at in a minute, at most
 * @param mostTags how many tags of a repository are imported with it; -1 for all
 */
public record ImportSettings(Duration interval, int perMinute, int mostTags) {
  public static final ImportSettings USUAL = new ImportSettings(Duration.ofMinutes(15), 60, 50);
}
