package dev.cistern.storage;

import java.io.IOException;

/** There is no space left for what was to be stored; nothing that was stored before is affected. */
public final class StoreFullException extends IOException {
  private static final long serialVersionUID = 1L;

  StoreFullException(String message) {
    super(message);
  }

  /** Returns {@code e}, or what it means if it says that there is no space left. */
  static IOException orSame(IOException e) {
    String message = String.valueOf(e.getMessage());
    boolean isFull =
        message.contains("No space left on device") || message.contains("Disk quota exceeded");
    return isFull ? new StoreFullException("the disk is full") : e;
  }
}
