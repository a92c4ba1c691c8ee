package dev.cistern.auth.access;

/**
 * A name, file or setting of access that cannot be used. The message says what is wrong and what
 * would be right; it never has a part of a secret in it.
 */
public final class AccessException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  AccessException(String message) {
    super(message);
  }

  /** Returns the message, which is always there. */
  String text() {
    return String.valueOf(getMessage());
  }
}
