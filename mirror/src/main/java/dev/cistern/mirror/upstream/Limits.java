package dev.cistern.mirror.upstream;

import java.time.Duration;

/**
 * How much is asked of one upstream at once, and how long it may be silent.
 *
 * @param connections the most connections at a time; who comes later waits for one
 * @param fills how many downloads of blobs at a time, besides those whose followers waited long
 * @param connect how long one of its addresses may take to accept a connection
 * @param headers how long the whole head of an answer may take, and how long to wait for a
 *     connection
 * @param answer how long a whole answer may take that is small: a manifest, a token, a page of a
 *     list; with all it takes to get it
 * @param idle how long an answer that has begun may pause
 */
public record Limits(
    int connections,
    int fills,
    Duration connect,
    Duration headers,
    Duration answer,
    Duration idle) {
  /** How many connections are kept for what is small: manifests, tags, tokens. */
  private static final int KEPT = 4;

  public static final Limits DEFAULT =
      new Limits(
          64,
          16,
          Duration.ofSeconds(10),
          Duration.ofSeconds(30),
          Duration.ofSeconds(60),
          Duration.ofSeconds(60));

  /** Returns how many connections blobs may have at a time, at least one. */
  public int blobs() {
    return Math.max(1, connections - KEPT);
  }
}
