package dev.cistern.storage;

import org.rocksdb.RocksDBException;
import org.rocksdb.Status;

/**
 * Thrown if the index cannot be used, because of a disk error, a damaged file, or the end of the
 * server.
 */
public final class IndexException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Returns whether the data that was read is damaged, according to its checksum. */
  boolean isDamage() {
    return getCause() instanceof RocksDBException e && isDamage(e);
  }

  /** Returns the message of RocksDB, or of this exception if it has no cause. */
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
