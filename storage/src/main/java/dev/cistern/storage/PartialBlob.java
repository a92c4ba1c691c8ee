package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.security.MessageDigest;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A blob that is being downloaded. Its file keeps the downloaded content, also over a restart of
 * the server. None of it counts as stored before {@link #commit}.
 *
 * <p>One thread writes. Other threads may read {@link #channel} at positions below the length that
 * the writing thread has told them.
 */
public final class PartialBlob implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PartialBlob.class);

  private final Blobs blobs;
  private final Digest digest;
  private final GrowingFile file;
  private boolean isClosed;

  PartialBlob(Blobs blobs, Digest digest, GrowingFile file) {
    this.blobs = blobs;
    this.digest = digest;
    this.file = file;
  }

  /** Returns the digest that the content must have. */
  public Digest digest() {
    return digest;
  }

  /**
   * Stores the blob durably from a complete copy that no fact names, in the quarantine or at the
   * path of the blob. The download is then not needed. Reads the whole copy.
   *
   * @return whether the blob is stored
   */
  public boolean takeBack() throws IOException {
    return blobs.takeBack(digest);
  }

  /**
   * Continues after the content that an earlier download left, if it can be read. Reads all of it
   * to hash it.
   */
  public void resume() throws IOException {
    try {
      file.resume();
    } catch (ClosedByInterruptException e) {
      throw e;
    } catch (IOException e) {
      LOG.atWarn().addKeyValue("file", file.path()).setCause(e).log("download begins anew");
      file.clear();
    }
  }

  /** Returns the length of the downloaded content in bytes. */
  public long length() {
    return file.length();
  }

  /** Returns the channel of the file, for positional reads. */
  public FileChannel channel() {
    return file.channel();
  }

  /**
   * Reserves space for {@code bytes} more bytes, in place of an earlier reservation. Appended bytes
   * use the reservation up. The rest is released when this blob is committed, discarded or closed.
   * A download that has reserved space for all of its content is not stopped by others that fill
   * the store.
   *
   * @throws StoreFullException if there is no space even after an eviction
   */
  public void reserve(long bytes) throws IOException {
    file.reserve(bytes);
  }

  /**
   * Appends all of {@code bytes}. If this throws, the file is as long as before.
   *
   * @param written receiver of the new length, called as soon as the bytes can be read and before
   *     they are hashed
   * @throws StoreFullException if there is no space
   */
  public void append(ByteBuffer bytes, LongConsumer written) throws IOException {
    file.append(bytes, written);
  }

  /**
   * Syncs the content, so that it survives a power cut. Also works if an interrupt has closed the
   * file.
   */
  public void sync() throws IOException {
    file.sync();
  }

  /** Returns a copy of the running hash of the content, which can be continued elsewhere. */
  public MessageDigest hash() {
    return file.hash();
  }

  /** Returns whether the content has the digest that it must have. */
  public boolean isVerified() throws IOException {
    return file.digest(digest.algorithm()).equals(digest);
  }

  /** Stores the content durably as the blob. The content must be verified. */
  public void commit() throws IOException {
    blobs.commit(file, digest, Optional.empty());
  }

  /** Drops content that is not the expected one. */
  public void clear() throws IOException {
    file.clear();
  }

  /** Removes the file. */
  public void discard() throws IOException {
    file.remove();
  }

  /** Closes the file. Its content stays for a later attempt. */
  @Override
  public synchronized void close() throws IOException {
    if (!isClosed) {
      isClosed = true;
      blobs.closed(digest, file);
    }
  }
}
