package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.util.Optional;

/** The upstream's token service asks us to come back later (429). */
final class TokenThrottledException extends IOException {
  private static final long serialVersionUID = 1L;

  private final transient Optional<String> retryAfter;

  TokenThrottledException(Optional<String> retryAfter) {
    super("its token service throttles us");
    this.retryAfter = retryAfter;
  }

  /** Returns the header Retry-After. */
  Optional<String> retryAfter() {
    return retryAfter;
  }
}
