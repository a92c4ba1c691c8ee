package dev.cistern.mirror.upstream;

import java.time.Duration;

/**
 * How much is asked of one upstream at once, and how long it may be silent.
 *
 * @param connections the most connections at a time; who comes later waits for one
 * @param fills the most downloads of blobs at a time, at most as many as connections
 * @param connect how long one of its addresses may take to accept a connection
 * @param headers how long an answer may take to begin, and how long to wait for a connection
 * @param idle how long an answer that has begun may pause
 */
public record Limits(
    int connections, int fills, Duration connect, Duration headers, Duration idle) {
  public static final Limits DEFAULT =
      new Limits(64, 16, Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(60));
}
