package dev.cistern.storage;

/** There is no space left for what was to be stored; nothing that was stored before is affected. */
public final class StoreFullException extends UnwritableStoreException {
  private static final long serialVersionUID = 1L;

  StoreFullException(String message) {
    super(message);
  }
}
