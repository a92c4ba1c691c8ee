package dev.cistern.mirror;

import java.time.Duration;

/**
 * How patient the mirror is.
 *
 * @param patience how long a client waits for an upstream when what it wants is here but old
 * @param absence how long it is remembered that no upstream has something
 */
public record MirrorSettings(Duration patience, Duration absence) {
  /** What is good if nothing else is said. */
  public static final MirrorSettings USUAL =
      new MirrorSettings(Duration.ofSeconds(2), Duration.ofSeconds(10));
}
