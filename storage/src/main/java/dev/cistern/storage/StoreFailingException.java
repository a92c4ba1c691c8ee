package dev.cistern.storage;

/**
 * Thrown when the store cannot be written because of an error of the operating system. The store
 * retries without a restart, so a later attempt may succeed.
 */
public final class StoreFailingException extends UnwritableStoreException {
  private static final long serialVersionUID = 1L;

  StoreFailingException(StorageError error) {
    super("the store cannot be written: " + error.text());
  }
}
