package dev.cistern.storage;

import java.io.IOException;

/** Thrown when the store cannot take new content now. Stored content is served and not affected. */
public abstract sealed class UnwritableStoreException extends IOException
    permits StoreFullException, StoreFailingException {
  private static final long serialVersionUID = 1L;

  UnwritableStoreException(String message) {
    super(message);
  }

  /** Returns the exception of a change that fails because of an error of the index. */
  static UnwritableStoreException of(StorageError error) {
    return error.isNoRoom()
        ? new StoreFullException("the disk is full: the index cannot be written")
        : new StoreFailingException(error);
  }

  /**
   * Returns the exception for the error of the operating system that {@code e} names, or {@code e}
   * itself if it names none.
   */
  static IOException orSame(IOException e) {
    if (e instanceof UnwritableStoreException) {
      return e;
    }
    StorageError error = StorageError.of(e);
    if (error.isNoRoom()) {
      return new StoreFullException("the disk is full");
    }
    if (error == StorageError.OTHER) {
      return e;
    }
    var failing = new StoreFailingException(error);
    failing.initCause(e);
    return failing;
  }
}
