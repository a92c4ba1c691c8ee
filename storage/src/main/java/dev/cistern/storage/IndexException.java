package dev.cistern.storage;

/** The index could not be read: a broken disk, a broken file, or the end of the server. */
final class IndexException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  IndexException(String why) {
    super("the index cannot be used: " + why);
  }

  IndexException(Exception cause) {
    super("the index could not be read: " + cause.getMessage(), cause);
  }
}
