package dev.cistern.server.config;

import java.time.Duration;

/**
 * The settings of the drain.
 *
 * @param delay how long new connections are accepted after the signal
 * @param timeout how long responses and pushes may continue after that
 * @param fills how long of that time a download without a follower continues; at most {@code
 *     timeout}
 */
public record DrainSettings(Duration delay, Duration timeout, Duration fills) {
  public static final DrainSettings DEFAULT =
      new DrainSettings(Duration.ZERO, Duration.ofSeconds(30), Duration.ZERO);
}
