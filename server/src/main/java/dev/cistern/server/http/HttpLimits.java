package dev.cistern.server.http;

import dev.cistern.base.MemoryBudget;
import java.time.Duration;

/**
 * What the server bears of its clients. A client is an address; many may share one.
 *
 * @param connections at a time
 * @param connectionsPerClient at a time, of one client
 * @param requestsPerClient that are being answered at a time, of one client
 * @param handshake how long a handshake of TLS may take
 * @param head how long the whole head of a request may take
 * @param idle how long a connection may do nothing, and a body that comes or goes may stand still
 * @param memory how many bytes may wait in memory, for all clients together
 */
public record HttpLimits(
    int connections,
    int connectionsPerClient,
    int requestsPerClient,
    Duration handshake,
    Duration head,
    Duration idle,
    long memory) {
  /** Generous: whole clusters come from one address. */
  public static final HttpLimits USUAL =
      new HttpLimits(
          10_000,
          10_000,
          1_000,
          Duration.ofSeconds(10),
          Duration.ofSeconds(10),
          Duration.ofMinutes(2),
          MemoryBudget.defaultBytes());

  /** Returns the same with another number of connections. */
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
