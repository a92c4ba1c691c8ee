package dev.cistern.server.http;

import java.io.IOException;

/** A reply that ends before its end, though the client is still there. */
final class ReplyCutException extends IOException {
  private static final long serialVersionUID = 1;

  ReplyCutException(Throwable cause) {
    super(cause);
  }
}
