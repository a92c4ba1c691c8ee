package dev.cistern.storage;

import java.time.Duration;

/**
 * How stored content is verified in the background.
 *
 * @param every how long after its last verification a blob is verified again
 * @param rate bytes a second that are read
 */
public record ScrubSettings(Duration every, long rate) {
  /** Every 30 days, 20 MiB a second. */
  public static final ScrubSettings DEFAULT = new ScrubSettings(Duration.ofDays(30), 20L << 20);
}
