package dev.cistern.storage;

import java.time.Duration;
import java.util.OptionalLong;

/**
 * How much a store may take.
 *
 * @param maxSize bytes of all that is in its directory; none: as much as the disk has
 * @param minFree bytes that stay free on the disk; none: 64 MiB, or a sixteenth of a smaller disk
 * @param grace how long a blob that was pushed or mounted waits for a manifest that names it
 * @param quarantine how long a file that was set aside is kept
 */
public record StorageLimits(
    OptionalLong maxSize, OptionalLong minFree, Duration grace, Duration quarantine) {
  private static final Duration DEFAULT_QUARANTINE = Duration.ofDays(7);

  /** As much as the disk has; a day for manifests to come. */
  public static final StorageLimits NONE =
      new StorageLimits(OptionalLong.empty(), OptionalLong.empty(), Duration.ofDays(1));

  /** With the default quarantine of 7 days. */
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
