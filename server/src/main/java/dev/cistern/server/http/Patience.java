package dev.cistern.server.http;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long a connection may stay in what it does. Its event loop looks now and then; what is found
 * unchanged for too long is over. Heads and handshakes have a time for the whole of them; bodies
 * may take as long as they move.
 */
final class Patience {
  /** Less of a body than this between two looks far apart is as good as nothing. */
  private static final long LEAST_BYTES = 1 << 10;

  private static final int LOOKS = 4;

  private final HttpLimits limits;
  private Phase phase = Phase.HANDSHAKE;
  private long request = -1;
  private long moved;
  private long since;

  /**
   * @param now in nanoseconds, as all times here
   */
  Patience(HttpLimits limits, long now) {
    this.limits = limits;
    this.since = now;
  }

  /** What a connection does. */
  enum Phase {
    HANDSHAKE,
    HEAD,
    /** Nothing, between two requests. */
    BETWEEN,
    /** The body of a request comes. */
    BODY,
    /** The client waits for us. */
    OURS,
    /** A reply goes out. */
    REPLY
  }

  /** Returns the pause between two looks in nanoseconds. */
  static long pause(HttpLimits limits) {
    Duration shortest = limits.idle();
    for (Duration one : new Duration[] {limits.head(), limits.handshake()}) {
      shortest = one.compareTo(shortest) < 0 ? one : shortest;
    }
    return Math.max(1, shortest.toNanos() / LOOKS);
  }

  /**
   * Says whether it has taken too long; from then on the time begins anew.
   *
   * @param ofRequest which request it is about
   * @param movedNow of a body, the bytes that came; of a reply, anything that changes as it goes
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

  /** Returns what a client is told, or counted for; null for an end in peace. */
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
