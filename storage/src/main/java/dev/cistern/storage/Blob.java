package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A stored blob, open for reading. Several threads may read it at once, at explicit positions. Code
 * that keeps it longer than its caller does calls {@link #retain}. The last {@link #release} closes
 * the file. Until then the file stays readable, even if the blob is removed from the store.
 */
public final class Blob implements AutoCloseable {
  private final Blobs blobs;
  private final Digest digest;
  private final FileChannel channel;
  private final long size;
  private final AtomicInteger holders = new AtomicInteger(1);

  Blob(Blobs blobs, Digest digest, FileChannel channel, long size) {
    this.blobs = blobs;
    this.digest = digest;
    this.channel = channel;
    this.size = size;
  }

  /** Returns the digest of the content. */
  public Digest digest() {
    return digest;
  }

  /** Returns the length in bytes. */
  public long size() {
    return size;
  }

  /** Returns the open file. Read it only at explicit positions. */
  public FileChannel channel() {
    return channel;
  }

  /** Returns the whole content. Only for blobs that are known to be small. */
  public byte[] readAll() throws IOException {
    ByteBuffer content = ByteBuffer.allocate(Math.toIntExact(size));
    while (content.hasRemaining()) {
      if (channel.read(content, content.position()) < 0) {
        throw new EOFException("the file of " + digest + " is shorter than " + size + " bytes");
      }
    }
    return content.array();
  }

  /**
   * Returns the whole content, verified. Only for blobs that are known to be small.
   *
   * @return empty if the content does not match its digest; if the stored copy is damaged, the blob
   *     is no longer stored and can be fetched again
   * @throws IOException if the content cannot be read and is not known to be damaged
   */
  public Optional<byte[]> readVerified() throws IOException {
    try {
      byte[] content = readAll();
      if (Digest.of(digest.algorithm(), content).equals(digest)) {
        return Optional.of(content);
      }
    } catch (ClosedChannelException e) {
      throw e;
    } catch (IOException e) {
      if (blobs.verify(digest, BlobVerifier.Pace.NONE).isEmpty()) {
        throw e;
      }
      return Optional.empty();
    }
    blobs.verify(digest, BlobVerifier.Pace.NONE);
    return Optional.empty();
  }

  /**
   * Starts a verification of the stored copy because reading it failed. Does not block. May be
   * called on any thread, also after the blob was closed.
   */
  public void suspect() {
    blobs.suspect(digest);
  }

  /** Adds a holder. Returns false if the file is already closed. */
  public boolean retain() {
    return holders.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
  }

  /** Removes a holder. The last call closes the file. */
  public void release() {
    if (holders.decrementAndGet() == 0) {
      try {
        channel.close();
      } catch (IOException e) {
        throw new UncheckedIOException("cannot close the file of " + digest, e);
      } finally {
        blobs.closed(digest);
      }
    }
  }

  /** Same as {@link #release}. */
  @Override
  public void close() {
    release();
  }
}
