package dev.cistern.auth.credentials;

/**
 * Failure to read credentials. The message names the file or secret and, if one is at fault, the
 * entry. It never contains a part of a secret.
 */
public final class CredentialsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  CredentialsException(String message) {
    super(message);
  }

  CredentialsException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Returns the message, which is never null. */
  String text() {
    return String.valueOf(getMessage());
  }
}
