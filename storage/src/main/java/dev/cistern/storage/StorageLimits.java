package dev.cistern.storage;

import java.time.Duration;
import java.util.OptionalLong;

/**
 * The limits of a store.
 *
 * @param maxSize maximum bytes of all files in the data directory; if empty, only the disk limits
 *     them
 * @param minFree bytes that stay free on the disk; if empty, 64 MiB or a sixteenth of a smaller
 *     disk
 * @param grace time for which a pushed or mounted blob waits for a manifest that names it
 * @param quarantine time for which a file that was set aside is kept
 */
public record StorageLimits(
    OptionalLong maxSize, OptionalLong minFree, Duration grace, Duration quarantine) {
  private static final Duration DEFAULT_QUARANTINE = Duration.ofDays(7);

  /** No limit but the disk, and a grace of one day. */
  public static final StorageLimits NONE =
      new StorageLimits(OptionalLong.empty(), OptionalLong.empty(), Duration.ofDays(1));

  /** Creates limits with the default quarantine of 7 days. */
  public StorageLimits(OptionalLong maxSize, OptionalLong minFree, Duration grace) {
    this(maxSize, minFree, grace, DEFAULT_QUARANTINE);
  }

  public StorageLimits {
    if (maxSize.isPresent() && maxSize.getAsLong() <= 0) {
      throw new IllegalArgumentException("maxSize is not positive: " + maxSize.getAsLong());
    }
    if (minFree.isPresent() && minFree.getAsLong() < 0) {
      throw new IllegalArgumentException("minFree is negative: " + minFree.getAsLong());
    }
    if (grace.isNegative()) {
      throw new IllegalArgumentException("grace is negative: " + grace);
    }
    if (quarantine.isNegative()) {
      throw new IllegalArgumentException("quarantine is negative: " + quarantine);
    }
  }
}
