package dev.cistern.server.http;

/**
 * The sent part of a response.
 *
 * @param bytes the sent bytes of the body; of an incomplete response, those that the kernel or the
 *     TLS engine took
 */
public record Sent(long bytes, Ending ending) {
  /** The end of a response. */
  public enum Ending {
    /** All of it was sent. */
    COMPLETE,
    /** The client left, or took no bytes for too long. */
    CUT_BY_CLIENT,
    /** The rest was not available. */
    CUT_BY_SERVER
  }

  /** Returns whether the client did not receive all of it. */
  public boolean isCut() {
    return ending != Ending.COMPLETE;
  }
}
