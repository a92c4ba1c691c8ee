package dev.cistern.server.http;

import java.io.IOException;

/** The early end of a response whose client is still connected. */
final class ReplyCutException extends IOException {
  private static final long serialVersionUID = 1;

  ReplyCutException(Throwable cause) {
    super(cause);
  }
}
