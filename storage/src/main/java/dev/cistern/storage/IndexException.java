package dev.cistern.storage;

import org.rocksdb.RocksDBException;
import org.rocksdb.Status;

/** The index could not be read: a broken disk, a broken file, or the end of the server. */
public final class IndexException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Returns whether what was read is damaged, as its check sum says. */
  boolean isDamage() {
    return getCause() instanceof RocksDBException e && isDamage(e);
  }

  /** Returns what RocksDB said. */
  String reason() {
    return String.valueOf(getCause() == null ? getMessage() : getCause().getMessage());
  }

  static boolean isDamage(RocksDBException e) {
    return e.getStatus() != null && e.getStatus().getCode() == Status.Code.Corruption;
  }

  IndexException(String why) {
    super("the index cannot be used: " + why);
  }

  IndexException(Exception cause) {
    super("the index could not be read: " + StorageError.of(cause).text(), cause);
  }
}
