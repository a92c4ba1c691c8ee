package dev.cistern.storage;

/**
 * The store cannot be written because of an error of the system. It is tried again without a
 * restart, so another try may succeed later.
 */
public final class StoreFailingException extends UnwritableStoreException {
  private static final long serialVersionUID = 1L;

  StoreFailingException(StorageError error) {
    super("the store cannot be written: " + error.text());
  }
}
