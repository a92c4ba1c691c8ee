package dev.cistern.server.admin;

/** Whether the server drains: it still serves, and wants no more clients. All threads. */
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
