package dev.cistern.server.cli;

/** The error text that a command prints when it fails. */
final class Complaint {
  private Complaint() {}

  /**
   * Returns the text as {@code oc} prints it, which tells whether the server reported the error.
   */
  static String of(Exception e) {
    return e instanceof StatusException refused ? refused.line() : "error: " + e.getMessage();
  }
}
