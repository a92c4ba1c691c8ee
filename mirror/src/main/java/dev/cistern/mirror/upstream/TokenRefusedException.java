package dev.cistern.mirror.upstream;

import java.io.IOException;

/** Thrown when the token service issues no token, because credentials are wrong or missing. */
final class TokenRefusedException extends IOException {
  private static final long serialVersionUID = 1L;

  TokenRefusedException(String message) {
    super(message);
  }
}
