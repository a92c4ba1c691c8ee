package dev.cistern.auth.access;

/**
 * Rejection of an invalid name, file or setting. The message has the problem and the expected form.
 * It never contains a part of a secret.
 */
public final class AccessException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  AccessException(String message) {
    super(message);
  }

  /** Returns the message, which is never null. */
  String text() {
    return String.valueOf(getMessage());
  }
}
