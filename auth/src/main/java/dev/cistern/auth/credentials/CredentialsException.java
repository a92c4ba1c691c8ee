package dev.cistern.auth.credentials;

/**
 * Credentials that cannot be read. The message names the file or secret and, where one is at fault,
 * the entry; it never has a part of a secret in it.
 */
public final class CredentialsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CredentialsException(String message) {
    super(message);
  }

  CredentialsException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Returns the message, which is always there. */
  String text() {
    return String.valueOf(getMessage());
  }
}
