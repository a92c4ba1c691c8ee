package dev.cistern.server.cli;

/** What people read when something failed. */
final class Complaint {
  private Complaint() {}

  /** Returns it, as {@code oc} has it: with who says so. */
  static String of(Exception e) {
    return e instanceof StatusException refused ? refused.line() : "error: " + e.getMessage();
  }
}
