package dev.cistern.server.admin;

/**
 * The state of a drain: the server still serves, but new clients should use another server. Safe
 * for all threads.
 */
public final class DrainState {
  private volatile boolean isDraining;

  /** Begins the drain, which cannot be canceled. */
  public void begin() {
    isDraining = true;
  }

  public boolean isDraining() {
    return isDraining;
  }
}
