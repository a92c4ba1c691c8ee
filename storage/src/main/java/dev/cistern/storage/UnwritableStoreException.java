package dev.cistern.storage;

import java.io.IOException;

/** The store cannot take new content now; what is stored is served and not affected. */
public abstract sealed class UnwritableStoreException extends IOException
    permits StoreFullException, StoreFailingException {
  private static final long serialVersionUID = 1L;

  UnwritableStoreException(String message) {
    super(message);
  }

  /** Returns what an error of the index means for a change. */
  static UnwritableStoreException of(StorageError error) {
    return error.isNoRoom()
        ? new StoreFullException("the disk is full: the index cannot be written")
        : new StoreFailingException(error);
  }

  /** Returns {@code e}, or what it means if it tells of an error of the system. */
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
