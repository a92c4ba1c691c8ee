package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.util.Optional;

/** Thrown when the upstream's token service throttles requests and asks for a later retry (429). */
final class TokenThrottledException extends IOException {
  private static final long serialVersionUID = 1L;

  private final transient Optional<String> retryAfter;

  TokenThrottledException(Optional<String> retryAfter) {
    super("its token service throttles us");
    this.retryAfter = retryAfter;
  }

  /** Returns the value of the Retry-After header, if any. */
  Optional<String> retryAfter() {
    return retryAfter;
  }
}
