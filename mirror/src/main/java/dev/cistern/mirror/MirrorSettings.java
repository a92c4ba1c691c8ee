package dev.cistern.mirror;

import java.time.Duration;

/**
 * Time limits of the mirror.
 *
 * @param patience how long a client waits for an upstream if the requested content is cached but no
 *     longer fresh
 * @param absence how long a "not found" from all sources is remembered
 */
public record MirrorSettings(Duration patience, Duration absence) {
  /** The default settings. */
  public static final MirrorSettings USUAL =
      new MirrorSettings(Duration.ofSeconds(2), Duration.ofSeconds(10));
}
