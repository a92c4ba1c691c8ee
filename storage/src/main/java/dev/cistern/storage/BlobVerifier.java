package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Verifier of blob files: compares a file with the size and the digest of its blob. Blocks, and
 * uses a buffer of 256 KiB while it hashes.
 */
final class BlobVerifier {
  private static final int BUFFER_BYTES = 256 << 10;
  private static final String IO_ERROR = "Input/output error";

  private BlobVerifier() {}

  /**
   * A limit of the read rate. It is called before each read with the number of bytes, and may wait.
   */
  interface Pace {
    Pace NONE = bytes -> {};

    void spend(int bytes) throws IOException;
  }

  /**
   * A fault of a file.
   *
   * @param file identity of the examined file; null if there is no file
   */
  record Fault(FindingKind kind, @Nullable Object file, String reason) {}

  /**
   * Returns a fault if the file is missing or has another length. Does not read the file.
   *
   * @throws IOException if the file's attributes cannot be read
   */
  static Optional<Fault> inspect(Path path, long size) throws IOException {
    try {
      BasicFileAttributes file = Files.readAttributes(path, BasicFileAttributes.class);
      return file.isRegularFile() && file.size() == size
          ? Optional.empty()
          : Optional.of(wrongSize(file, size));
    } catch (NoSuchFileException e) {
      return Optional.of(missing());
    }
  }

  /**
   * Reads and hashes the whole file, and returns a fault if it does not match.
   *
   * @throws IOException if the file cannot be checked; a disk error while the file is read is a
   *     fault of the file instead
   */
  static Optional<Fault> verify(Path path, Digest digest, long size, Pace pace) throws IOException {
    BasicFileAttributes before;
    try {
      before = Files.readAttributes(path, BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      return Optional.of(missing());
    }
    FileChannel opened;
    try {
      opened = FileChannel.open(path, StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      return Optional.of(missing());
    } catch (FileSystemException e) {
      if (IO_ERROR.equals(e.getReason())) {
        return Optional.of(
            new Fault(FindingKind.WRONG_DIGEST, before.fileKey(), "it cannot be opened"));
      }
      throw e;
    }
    try (FileChannel channel = opened) {
      if (channel.size() != size) {
        return Optional.of(wrongSize(before, size));
      }
      Digest actual = hash(channel, digest.algorithm(), pace);
      return actual.equals(digest)
          ? Optional.empty()
          : Optional.of(
              new Fault(FindingKind.WRONG_DIGEST, before.fileKey(), "its content is " + actual));
    } catch (ClosedChannelException e) {
      throw e;
    } catch (UnreadableException e) {
      return Optional.of(
          new Fault(FindingKind.WRONG_DIGEST, before.fileKey(), "it cannot be read"));
    }
  }

  /** Returns the identity of the file at {@code path}, or null if there is none. */
  static @Nullable Object identity(Path path) throws IOException {
    try {
      return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
    } catch (NoSuchFileException e) {
      return null;
    }
  }

  private static Digest hash(FileChannel channel, Digest.Algorithm algorithm, Pace pace)
      throws IOException {
    MessageDigest hash = algorithm.newHash();
    ByteBuffer buffer = ByteBuffer.allocate(Math.clamp(channel.size(), 1, BUFFER_BYTES));
    for (long at = 0; ; ) {
      pace.spend((int) Math.min(buffer.capacity(), Math.max(0, channel.size() - at)));
      int n = read(channel, buffer.clear(), at);
      if (n < 0) {
        return Digest.ofHash(algorithm, hash.digest());
      }
      hash.update(buffer.flip());
      at += n;
    }
  }

  /** Reads from the file, and tries a second time if the read fails. */
  private static int read(FileChannel channel, ByteBuffer buffer, long at) throws IOException {
    try {
      return channel.read(buffer, at);
    } catch (ClosedChannelException e) {
      throw e;
    } catch (IOException e) {
      return readAgain(channel, buffer.clear(), at);
    }
  }

  private static int readAgain(FileChannel channel, ByteBuffer buffer, long at) throws IOException {
    try {
      return channel.read(buffer, at);
    } catch (ClosedChannelException e) {
      throw e;
    } catch (IOException e) {
      throw new UnreadableException(e);
    }
  }

  private static Fault missing() {
    return new Fault(FindingKind.MISSING_CONTENT, null, "its file is missing");
  }

  private static Fault wrongSize(BasicFileAttributes file, long size) {
    return new Fault(
        FindingKind.WRONG_SIZE,
        file.fileKey(),
        "its file has %d bytes, not %d".formatted(file.size(), size));
  }

  /** Thrown if an existing file cannot be read. */
  private static final class UnreadableException extends IOException {
    private static final long serialVersionUID = 1;

    UnreadableException(IOException cause) {
      super(cause);
    }
  }
}
