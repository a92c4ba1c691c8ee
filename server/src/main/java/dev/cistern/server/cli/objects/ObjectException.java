package dev.cistern.server.cli.objects;

/** What a command was asked cannot be done with the objects there are. */
public final class ObjectException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * @param message for a person
   */
  public ObjectException(String message) {
    super(message);
  }
}
