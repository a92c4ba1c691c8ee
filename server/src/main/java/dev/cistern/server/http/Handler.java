package dev.cistern.server.http;

import org.jspecify.annotations.Nullable;

/** What answers requests. */
public interface Handler {
  /**
   * Returns the reply to a request that is refused whatever it asks, or null. Called first, for
   * every request, before any of its body is read. Runs on an event loop: must not block.
   */
  @Nullable Reply turnedAway(Request request);

  /**
   * Returns the reply if it is at hand in memory, or null. Runs on an event loop: must not block,
   * and takes only requests without a body.
   */
  @Nullable Reply atHand(Request request);

  /** Returns the reply. Runs on a virtual thread of its own, may block, and does not throw. */
  Reply handle(Request request);

  /** Returns the reply to what is not HTTP as it should be; runs on an event loop. */
  Reply malformed(String reason, int status);

  /** Returns the reply to a client that is not served; runs on an event loop. */
  Reply refused(Refusal why);

  /** Is told of each request when the last byte of its reply is out, or the client is gone. */
  void done(Request request, Reply reply, Sent sent, long nanos);
}
