package dev.cistern.server.http;

/**
 * How much of a reply was sent.
 *
 * @param bytes of the body; of a reply that was cut, those that the kernel or the TLS engine took
 */
public record Sent(long bytes, Ending ending) {
  /** How a reply ended. */
  public enum Ending {
    /** All of it was sent. */
    COMPLETE,
    /** The client left or took nothing for too long. */
    CUT_BY_CLIENT,
    /** The rest of it could not be had. */
    CUT_BY_SERVER
  }

  /** Returns whether the client did not get all of it. */
  public boolean isCut() {
    return ending != Ending.COMPLETE;
  }
}
