package dev.cistern.storage;

/**
 * Thrown when there is no space left for new content. Content that was stored before is not
 * affected.
 */
public final class StoreFullException extends UnwritableStoreException {
  private static final long serialVersionUID = 1L;

  StoreFullException(String message) {
    super(message);
  }
}
