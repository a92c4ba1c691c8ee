package dev.cistern.server.http;

import dev.cistern.base.MemoryBudget;
import java.time.Duration;

/**
 * The limits for clients. A client is an address, which several machines may share.
 *
 * @param connections the maximum number of simultaneous connections
 * @param connectionsPerClient the maximum number of simultaneous connections per client
 * @param requestsPerClient the maximum number of requests in progress per client
 * @param handshake the maximum duration of a TLS handshake
 * @param head the maximum duration of the whole head of a request
 * @param idle the maximum idle time of a connection, and of a request or response body without
 *     progress
 * @param memory the maximum number of bytes that wait in memory, for all clients together
 */
public record HttpLimits(
    int connections,
    int connectionsPerClient,
    int requestsPerClient,
    Duration handshake,
    Duration head,
    Duration idle,
    long memory) {
  /** The defaults, which are generous because a whole cluster may use one address. */
  public static final HttpLimits USUAL =
      new HttpLimits(
          10_000,
          10_000,
          1_000,
          Duration.ofSeconds(10),
          Duration.ofSeconds(10),
          Duration.ofMinutes(2),
          MemoryBudget.defaultBytes());

  /** Returns the same limits with another maximum number of connections. */
  HttpLimits withConnections(int most) {
    return new HttpLimits(
        most,
        Math.min(most, connectionsPerClient),
        requestsPerClient,
        handshake,
        head,
        idle,
        memory);
  }
}
