package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.function.LongConsumer;

/**
 * A file that is appended to and hashed at the same time until it is complete. Content that was in
 * the file when it was opened counts only after {@link #resume}. The file allocates space from
 * {@link Space} before it appends, and frees it when the content is removed.
 *
 * <p>Used by one thread at a time. Other threads may only read {@link #channel} and call {@link
 * #remove}.
 */
final class GrowingFile implements AutoCloseable {
  private static final int READ_BACK_BYTES = 1 << 20;

  private final Path path;
  private final FileChannel channel;
  private final Space space;
  private final Digest.Algorithm algorithm;
  private final MessageDigest hash;
  private long length;

  /** Bytes that are allocated for the file; guarded by this. */
  private long taken;

  /** True after the operating system failed to write the content; guarded by this. */
  private boolean isUnsyncable;

  /** Bytes reserved for content that is still to be appended; guarded by this. */
  private long reserved;

  private GrowingFile(
      Path path, FileChannel channel, Space space, Digest.Algorithm algorithm, MessageDigest hash)
      throws IOException {
    this.path = path;
    this.channel = channel;
    this.space = space;
    this.algorithm = algorithm;
    this.hash = hash;
    this.taken = channel.size();
  }

  static GrowingFile open(Path path, Space space, Digest.Algorithm algorithm) throws IOException {
    FileChannel channel;
    try {
      channel =
          FileChannel.open(
              path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    } catch (IOException e) {
      throw UnwritableStoreException.orSame(e);
    }
    return new GrowingFile(path, channel, space, algorithm, algorithm.newHash());
  }

  /**
   * Uses the content that an earlier process left in the file as the beginning. Reads all of it.
   */
  void resume() throws IOException {
    hash.reset();
    length = readInto(hash, channel);
  }

  Path path() {
    return path;
  }

  FileChannel channel() {
    return channel;
  }

  long length() {
    return length;
  }

  /**
   * Reserves space for {@code bytes} more, in place of an earlier reservation, until they are
   * appended or the file is closed.
   *
   * @throws StoreFullException if there is no room; nothing is reserved then
   */
  synchronized void reserve(long bytes) throws IOException {
    unreserve();
    space.reserve(bytes);
    reserved = bytes;
  }

  /**
   * Appends all of {@code bytes}. If it throws, the content is unchanged.
   *
   * @throws StoreFullException if there is no room in the store or on the disk
   */
  void append(ByteBuffer bytes) throws IOException {
    append(bytes, length -> {});
  }

  /**
   * Appends all of {@code bytes}. Calls {@code written} with the new length as soon as the bytes
   * can be read, before they are hashed.
   */
  synchronized void append(ByteBuffer bytes, LongConsumer written) throws IOException {
    if (!channel.isOpen()) {
      throw new ClosedChannelException();
    }
    take(Math.max(0, length + bytes.remaining() - taken));
    ByteBuffer hashed = bytes.duplicate();
    long at = length;
    try {
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      channel.truncate(length);
      give(taken - length);
      throw UnwritableStoreException.orSame(e);
    }
    length = at;
    written.accept(at);
    hash.update(hashed);
  }

  /** Removes all content, but not the file. */
  synchronized void clear() throws IOException {
    channel.truncate(0);
    give(taken);
    hash.reset();
    length = 0;
  }

  /** Removes the file. Readers that have it open may continue to read. */
  synchronized void remove() throws IOException {
    unreserve();
    Files.deleteIfExists(path);
    give(taken);
  }

  /**
   * Ends the space accounting of this object. Returns the number of bytes that were allocated for
   * the file; the caller accounts for them from now on.
   */
  synchronized long handOver() {
    unreserve();
    long handed = taken;
    taken = 0;
    return handed;
  }

  /**
   * Returns the digest of the content and leaves the running hash unchanged. Reads the whole file
   * if {@code wanted} is not the algorithm of the running hash.
   */
  Digest digest(Digest.Algorithm wanted) throws IOException {
    if (wanted == algorithm) {
      return Digest.ofHash(algorithm, hash().digest());
    }
    MessageDigest other = wanted.newHash();
    readInto(other, channel);
    return Digest.ofHash(wanted, other.digest());
  }

  /** Returns a copy of the running hash, which the caller may continue. */
  MessageDigest hash() {
    try {
      return (MessageDigest) hash.clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError("the JDK's hashes can be cloned", e);
    }
  }

  /**
   * Ensures that the content survives a power cut. The file may be closed.
   *
   * @throws IOException if the content may not survive; every later call throws too, because the
   *     operating system does not repeat a failed write
   */
  synchronized void sync() throws IOException {
    if (isUnsyncable) {
      throw new IOException("the file was not synced before");
    }
    if (channel.isOpen()) {
      force(channel);
      return;
    }
    try (FileChannel again = FileChannel.open(path, StandardOpenOption.WRITE)) {
      force(again);
    }
  }

  /** Returns whether a {@link #sync} failed, so that the content must be received again. */
  synchronized boolean isUnsyncable() {
    return isUnsyncable;
  }

  private void force(FileChannel written) throws IOException {
    try {
      written.force(false);
    } catch (IOException e) {
      isUnsyncable = true;
      throw UnwritableStoreException.orSame(e);
    }
  }

  /** Closes the file. Its content stays and keeps its allocated space. */
  @Override
  public synchronized void close() throws IOException {
    unreserve();
    channel.close();
  }

  private void take(long bytes) throws IOException {
    long held = Math.min(bytes, reserved);
    if (held > 0) {
      space.use(held);
      reserved -= held;
      taken += held;
    }
    if (bytes > held) {
      try {
        space.take(bytes - held);
      } catch (IOException e) {
        give(held);
        throw e;
      }
      taken += bytes - held;
    }
  }

  private void give(long bytes) {
    space.give(bytes);
    taken -= bytes;
  }

  private void unreserve() {
    space.unreserve(reserved);
    reserved = 0;
  }

  /** Hashes a whole file. Returns its length in bytes. */
  static long readInto(MessageDigest hash, FileChannel channel) throws IOException {
    long size = channel.size();
    if (size == 0) {
      return 0;
    }
    ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(READ_BACK_BYTES, size));
    for (long at = 0; at < size; ) {
      buffer.clear();
      int n = channel.read(buffer, at);
      if (n < 0) {
        throw new EOFException("a file became shorter while it was read");
      }
      hash.update(buffer.flip());
      at += n;
    }
    return size;
  }
}
