package dev.cistern.storage;

import java.time.Duration;

/**
 * Settings of the background verification of stored content.
 *
 * @param every period between two verifications of a blob
 * @param rate maximum bytes that are read per second
 */
public record ScrubSettings(Duration every, long rate) {
  /** Every 30 days, 20 MiB per second. */
  public static final ScrubSettings DEFAULT = new ScrubSettings(Duration.ofDays(30), 20L << 20);
}
