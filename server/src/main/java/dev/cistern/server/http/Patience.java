package dev.cistern.server.http;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The time limits of a connection's phases. The event loop checks the connection periodically, and
 * a phase without progress for too long is over. Heads and handshakes have a limit for their whole
 * duration. Bodies may take any time while they make progress.
 */
final class Patience {
  /** The minimum number of bytes between two distant checks that count as progress of a body. */
  private static final long LEAST_BYTES = 1 << 10;

  private static final int LOOKS = 4;

  private final HttpLimits limits;
  private Phase phase = Phase.HANDSHAKE;
  private long request = -1;
  private long moved;
  private long since;

  /**
   * @param now the current time in nanoseconds, like all times in this class
   */
  Patience(HttpLimits limits, long now) {
    this.limits = limits;
    this.since = now;
  }

  /** The phase of a connection. */
  enum Phase {
    HANDSHAKE,
    HEAD,
    /** Idle, between two requests. */
    BETWEEN,
    /** The body of a request is arriving. */
    BODY,
    /** The client waits for the server. */
    OURS,
    /** A response is being sent. */
    REPLY
  }

  /** Returns the interval of checks in nanoseconds. */
  static long pause(HttpLimits limits) {
    Duration shortest = limits.idle();
    for (Duration one : new Duration[] {limits.head(), limits.handshake()}) {
      shortest = one.compareTo(shortest) < 0 ? one : shortest;
    }
    return Math.max(1, shortest.toNanos() / LOOKS);
  }

  /**
   * Returns whether the phase has taken too long; if so, its time starts anew.
   *
   * @param ofRequest the number of the request
   * @param movedNow the received bytes of a request body, or a number that changes as a response is
   *     sent
   */
  boolean isOver(Phase now, long ofRequest, long movedNow, long time) {
    boolean hasMoved =
        switch (now) {
          case HANDSHAKE, HEAD, BETWEEN -> false;
          case BODY -> movedNow - moved >= LEAST_BYTES;
          case OURS -> true;
          case REPLY -> movedNow != moved;
        };
    if (now != phase || ofRequest != request || hasMoved) {
      phase = now;
      request = ofRequest;
      moved = movedNow;
      since = time;
      return false;
    }
    boolean isOver = time - since >= limit().toNanos();
    since = isOver ? time : since;
    return isOver;
  }

  private Duration limit() {
    return switch (phase) {
      case HANDSHAKE -> limits.handshake();
      case HEAD -> limits.head();
      case BETWEEN, BODY, OURS, REPLY -> limits.idle();
    };
  }

  /** Returns the reason to count and to send to the client; null for a regular end. */
  static @Nullable Refusal refusal(Phase phase) {
    return switch (phase) {
      case HANDSHAKE -> Refusal.SLOW_HANDSHAKE;
      case HEAD -> Refusal.SLOW_HEAD;
      case BODY -> Refusal.SLOW_BODY;
      case REPLY -> Refusal.SLOW_READER;
      case BETWEEN, OURS -> null;
    };
  }
}
