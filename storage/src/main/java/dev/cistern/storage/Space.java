package dev.cistern.storage;

import java.io.IOException;
import java.nio.file.FileStore;

/**
 * The room on the disk. Content stops before the disk is full, so that the index, which needs
 * little, never meets a full disk.
 */
final class Space {
  private static final long LARGEST_RESERVE = 64L << 20;
  private static final int RESERVED_PART = 16;

  private final FileStore disk;
  private final long reserve;

  Space(FileStore disk) throws IOException {
    this.disk = disk;
    this.reserve = Math.min(LARGEST_RESERVE, disk.getTotalSpace() / RESERVED_PART);
  }

  /** Throws if writing {@code bytes} would eat the reserve. */
  void require(long bytes) throws IOException {
    if (disk.getUsableSpace() < reserve + bytes) {
      throw new StoreFullException(
          "the disk is full: less than " + (reserve >> 10) + " KiB would be left");
    }
  }
}
