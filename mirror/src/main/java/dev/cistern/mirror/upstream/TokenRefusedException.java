package dev.cistern.mirror.upstream;

import java.io.IOException;

/** The token service did not give a token: wrong or missing credentials. */
final class TokenRefusedException extends IOException {
  private static final long serialVersionUID = 1L;

  TokenRefusedException(String message) {
    super(message);
  }
}
