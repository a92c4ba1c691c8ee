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
 * A blob that is being downloaded. Its file keeps what has come, also over a restart of the server;
 * nothing of it counts as stored before {@link #commit}.
 *
 * <p>One thread writes; others may read {@link #channel} at positions below what that thread told
 * them.
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

  /** Returns the digest the content must have. */
  public Digest digest() {
    return digest;
  }

  /**
   * Stores the blob from the quarantine, durably, if it lies there whole; this download is then not
   * needed. Reads all of it.
   */
  public boolean takeBack() throws IOException {
    return blobs.takeBack(digest);
  }

  /**
   * Takes what an earlier download left as the beginning, if it can be read; reads all of it to
   * hash it.
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

  /** Returns how many bytes are there. */
  public long length() {
    return file.length();
  }

  /** Returns the file, for readers at positions. */
  public FileChannel channel() {
    return file.channel();
  }

  /**
   * Holds room for {@code bytes} more, in place of what was held before. It is given back as they
   * are appended, and the rest when this is committed, discarded or closed; so a download that has
   * room for all of it is not stopped by others that fill the store.
   *
   * @throws StoreFullException if there is no room even after an eviction
   */
  public void reserve(long bytes) throws IOException {
    file.reserve(bytes);
  }

  /**
   * Appends all of {@code bytes}. If it throws, the file is as long as before.
   *
   * @param written is told the new length as soon as the bytes can be read; they are hashed then
   * @throws StoreFullException if the disk has no room
   */
  public void append(ByteBuffer bytes, LongConsumer written) throws IOException {
    file.append(bytes, written);
  }

  /** Returns when what is there survives a power cut; an interrupt may have closed the file. */
  public void sync() throws IOException {
    file.sync();
  }

  /** Returns the hash of what is there, to go on with elsewhere. */
  public MessageDigest hash() {
    return file.hash();
  }

  /** Says whether the content has the digest it must have. */
  public boolean isVerified() throws IOException {
    return file.digest(digest.algorithm()).equals(digest);
  }

  /** Stores the content, which must be verified, as the blob, durably. */
  public void commit() throws IOException {
    blobs.commit(file, digest, Optional.empty());
  }

  /** Drops the content, which is not what it should be. */
  public void clear() throws IOException {
    file.clear();
  }

  /** Removes the file. */
  public void discard() throws IOException {
    file.remove();
  }

  /** Closes the file; what is in it stays for a later try. */
  @Override
  public synchronized void close() throws IOException {
    if (!isClosed) {
      isClosed = true;
      blobs.closed(digest, file);
    }
  }
}
