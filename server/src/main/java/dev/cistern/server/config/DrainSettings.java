package dev.cistern.server.config;

import java.time.Duration;

/**
 * How a server ends.
 *
 * @param delay how long new connections are accepted after the signal
 * @param timeout how long replies and pushes may run to their end after that
 * @param fills how long of that a download without a follower continues; at most {@code timeout}
 */
public record DrainSettings(Duration delay, Duration timeout, Duration fills) {
  public static final DrainSettings DEFAULT =
      new DrainSettings(Duration.ZERO, Duration.ofSeconds(30), Duration.ZERO);
}
