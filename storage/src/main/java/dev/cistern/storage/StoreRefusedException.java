package dev.cistern.storage;

import java.io.IOException;

/**
 * Thrown when the store is not opened because parts of it are missing, damaged or of another store,
 * or because a newer version wrote it. Nothing was changed, and a retry does not help. The message
 * names the remedies.
 *
 * <p>It is also thrown while another process has the store open. A retry helps once that process
 * has ended.
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
