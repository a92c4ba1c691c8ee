package dev.cistern.server.http;

import io.netty.channel.DefaultFileRegion;
import io.netty.channel.unix.Errors;
import java.io.IOException;
import java.nio.channels.FileChannel;

/** A section of a file that has other readers; sending it does not close the file. Event loop. */
final class FileSection extends DefaultFileRegion {
  private static final int EIO = 5;
  private static final String IO_ERROR = "Input/output error";

  private final FileChannel file;
  private long readBytes;

  FileSection(FileChannel file, long position, long count) {
    super(file, position, count);
    this.file = file;
  }

  /** Returns the open file, which must be read at explicit positions only. */
  FileChannel file() {
    return file;
  }

  /** Counts bytes that other code has read and sent. */
  void addRead(int bytes) {
    readBytes += bytes;
  }

  /** Returns the number of sent bytes. */
  long sent() {
    return transferred() + readBytes;
  }

  /** Returns whether sending failed because of the file, not because of the connection. */
  boolean isAtFault(Throwable failure) {
    return isAtFault(file, position() + count(), failure);
  }

  /**
   * Returns whether sending a file failed because it cannot be read or is shorter than {@code size}
   * bytes, and not because of the connection.
   */
  static boolean isAtFault(FileChannel file, long size, Throwable failure) {
    return failure instanceof ReplyCutException || isDiskError(failure) || isShort(file, size);
  }

  private static boolean isDiskError(Throwable failure) {
    return failure instanceof Errors.NativeIoException error
        ? Math.abs(error.expectedErr()) == EIO
        : failure instanceof IOException && IO_ERROR.equals(failure.getMessage());
  }

  private static boolean isShort(FileChannel file, long size) {
    try {
      return file.isOpen() && file.size() < size;
    } catch (IOException e) {
      return true; // not even its length can be read
    }
  }

  @Override
  protected void deallocate() {
    // The file belongs to the blob or the fill.
  }
}
