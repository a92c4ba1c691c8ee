package dev.cistern.server.admin;

/**
 * The state of a drain: the server still serves, but new clients should go elsewhere. All threads.
 */
public final class DrainState {
  private volatile boolean isDraining;

  /** Begins; there is no way back. */
  public void begin() {
    isDraining = true;
  }

  public boolean isDraining() {
    return isDraining;
  }
}
