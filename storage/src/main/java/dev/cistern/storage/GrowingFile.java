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
 * A file that is appended to and hashed on the way, until it is whole. What was in it when it was
 * opened counts only after {@link #resume}. It takes the room for what is appended from the {@link
 * Space} and gives it back when the content goes.
 *
 * <p>Used by one thread at a time; only {@link #channel} may be read, and {@link #remove} called,
 * by others.
 */
final class GrowingFile implements AutoCloseable {
  private static final int READ_BACK_BYTES = 1 << 20;

  private final Path path;
  private final FileChannel channel;
  private final Space space;
  private final Digest.Algorithm algorithm;
  private final MessageDigest hash;
  private long length;

  /** Bytes of the file that count as taken; guarded by this. */
  private long taken;

  /** Whether the system failed to write the content; guarded by this. */
  private boolean isUnsyncable;

  /** Bytes reserved for what is still to come; guarded by this. */
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

  /** Takes what an earlier process left in the file as the beginning; reads all of it. */
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
   * Holds room for {@code bytes} more, in place of what was held before, until they are appended or
   * the file is closed.
   *
   * @throws StoreFullException if there is no room; nothing is held then
   */
  synchronized void reserve(long bytes) throws IOException {
    unreserve();
    space.reserve(bytes);
    reserved = bytes;
  }

  /**
   * Appends all of {@code bytes}. If it throws, the file is as long as before.
   *
   * @throws StoreFullException if the disk has no room
   */
  void append(ByteBuffer bytes) throws IOException {
    append(bytes, length -> {});
  }

  /**
   * Appends all of {@code bytes}; {@code written} is told the new length when they can be read, and
   * before they are hashed.
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

  /** Forgets all content. */
  synchronized void clear() throws IOException {
    channel.truncate(0);
    give(taken);
    hash.reset();
    length = 0;
  }

  /** Removes the file; who has it open may go on reading. */
  synchronized void remove() throws IOException {
    unreserve();
    Files.deleteIfExists(path);
    give(taken);
  }

  /** Ends the counting here; returns how many bytes were taken for the file. */
  synchronized long handOver() {
    unreserve();
    long handed = taken;
    taken = 0;
    return handed;
  }

  /** Returns the digest of the content; the running hash goes on from here as it was. */
  Digest digest(Digest.Algorithm wanted) throws IOException {
    if (wanted == algorithm) {
      return Digest.ofHash(algorithm, hash().digest());
    }
    MessageDigest other = wanted.newHash();
    readInto(other, channel);
    return Digest.ofHash(wanted, other.digest());
  }

  /** Returns the hash of the content as it is now, to go on with. */
  MessageDigest hash() {
    try {
      return (MessageDigest) hash.clone();
    } catch (CloneNotSupportedException e) {
      throw new AssertionError("the JDK's hashes can be cloned", e);
    }
  }

  /**
   * Returns when the content survives a power cut; the file may be closed.
   *
   * @throws IOException if it may not; a later call throws too, since the system writes what it
   *     failed to write no second time
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

  /** Returns whether a {@link #sync} failed: the content has to come again. */
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

  /** Closes the file; what is in it stays, and stays counted. */
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

  /** Hashes a whole file; returns its length. */
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
