package dev.cistern.storage;

/** The index could not be read: a broken disk or a broken file. */
final class IndexException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  IndexException(Exception cause) {
    super("the index could not be read: " + cause.getMessage(), cause);
  }
}
