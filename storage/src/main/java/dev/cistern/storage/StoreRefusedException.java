package dev.cistern.storage;

import java.io.IOException;

/**
 * The store is not opened because it is not what it was: parts are missing, damaged or of another
 * store, or a newer version wrote it. Nothing was changed, and another try does not help; the
 * message names the ways out.
 */
public final class StoreRefusedException extends IOException {
  private static final long serialVersionUID = 1L;

  StoreRefusedException(String message) {
    super(message);
  }

  StoreRefusedException(String message, Exception cause) {
    super(message, cause);
  }
}
