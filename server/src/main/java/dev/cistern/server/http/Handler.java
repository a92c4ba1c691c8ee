package dev.cistern.server.http;

import org.jspecify.annotations.Nullable;

/** The handler of requests. */
public interface Handler {
  /**
   * Returns the response to a request that is refused regardless of its content, or null. Called
   * first for every request, before any of its body is read. Runs on an event loop and must not
   * block.
   */
  @Nullable Reply turnedAway(Request request);

  /**
   * Returns the response if it is available in memory, or null. Called only for requests without a
   * body. Runs on an event loop and must not block.
   */
  @Nullable Reply atHand(Request request);

  /** Returns the response. Runs on its own virtual thread, may block, and does not throw. */
  Reply handle(Request request);

  /** Returns the response to malformed HTTP; runs on an event loop. */
  Reply malformed(String reason, int status);

  /** Returns the response to a rejected client; runs on an event loop. */
  Reply refused(Refusal why);

  /** Called for each request when the last byte of its response is sent, or the client has left. */
  void done(Request request, Reply reply, Sent sent, long nanos);
}
