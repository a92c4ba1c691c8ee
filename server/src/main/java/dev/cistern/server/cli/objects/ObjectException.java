package dev.cistern.server.cli.objects;

/** Failure of a command because of its arguments or the existing objects. */
public final class ObjectException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param message the message for the user
   */
  public ObjectException(String message) {
    super(message);
  }
}
