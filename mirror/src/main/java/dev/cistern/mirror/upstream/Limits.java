package dev.cistern.mirror.upstream;

import java.time.Duration;

/**
 * Limits on the concurrency and the duration of requests to one upstream.
 *
 * @param connections maximum number of connections; further requests wait for one
 * @param fills maximum number of concurrent blob downloads, not counting those whose followers
 *     waited long
 * @param connect maximum time for one of its addresses to accept a connection, and for one
 *     resolution of a name
 * @param headers maximum time for the whole head of an answer, and for the wait for a connection
 * @param answer maximum time for a whole small answer (a manifest, a token, a page of a list),
 *     including all requests that it takes
 * @param idle maximum pause within an answer that has begun
 */
public record Limits(
    int connections,
    int fills,
    Duration connect,
    Duration headers,
    Duration answer,
    Duration idle) {
  /** The number of connections reserved for small answers: manifests, tags, tokens. */
  private static final int KEPT = 4;

  public static final Limits DEFAULT =
      new Limits(
          64,
          16,
          Duration.ofSeconds(10),
          Duration.ofSeconds(30),
          Duration.ofSeconds(60),
          Duration.ofSeconds(60));

  /** Returns the maximum number of concurrent connections for blobs, at least one. */
  public int blobs() {
    return Math.max(1, connections - KEPT);
  }
}
