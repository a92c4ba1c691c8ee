package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.UploadFact;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * A blob that a client is pushing, in one or more requests. A request that changes the upload holds
 * it ({@link #hold}) from its first byte to its last. Meanwhile a second request is refused.
 */
public final class Upload {
  private final Uploads uploads;
  private final String id;
  private final UploadFact fact;
  private final Semaphore turn = new Semaphore(1);

  /** File of the current hold, or null; guarded by this. */
  private @Nullable GrowingFile file;

  private boolean isEnded;

  Upload(Uploads uploads, String id, UploadFact fact) {
    this.uploads = uploads;
    this.id = id;
    this.fact = fact;
  }

  /** The exclusive right to change an upload, until it is closed. Used by one thread. */
  public final class Hold implements AutoCloseable {
    private final GrowingFile file;

    private Hold(GrowingFile file) {
      this.file = file;
    }

    /** Returns the number of bytes received. */
    public long length() {
      return file.length();
    }

    /**
     * Appends all of {@code bytes}. If this throws, the upload is as long as before.
     *
     * @throws StoreFullException if there is no space
     * @throws OciException with BLOB_UPLOAD_UNKNOWN, if the upload was canceled meanwhile
     */
    public void append(ByteBuffer bytes) throws IOException {
      try {
        file.append(bytes);
      } catch (ClosedChannelException e) {
        throw cancelled();
      }
    }

    /**
     * Stores the content durably as a blob of the upload's repository, and ends the upload.
     *
     * @throws OciException with DIGEST_INVALID, if the content has another digest; the upload is
     *     then removed, because no byte of it can be relied on
     */
    public void finish(Digest digest) throws IOException {
      if (!file.channel().isOpen()) {
        throw cancelled();
      }
      Digest actual = file.digest(digest.algorithm());
      if (!actual.equals(digest)) {
        cancel();
        throw new OciException(
            ErrorCode.DIGEST_INVALID,
            "the content is " + actual + ", not " + digest,
            "push the blob again from its first byte");
      }
      try {
        uploads.blobs().commit(file, digest, Optional.of(fact.repository()));
      } catch (IOException e) {
        if (file.isUnsyncable()) {
          cancel(); // so the client sends all bytes again
        }
        throw e;
      }
      cancel();
    }

    @Override
    public void close() {
      release();
    }
  }

  /** Returns the id: 32 hexadecimal digits that cannot be guessed. */
  public String id() {
    return id;
  }

  /** Returns the repository in which the upload was started. */
  public RepositoryName repository() {
    return fact.repository();
  }

  /** Returns the number of bytes received. */
  public synchronized long length() throws IOException {
    return file == null ? uploads.lengthOf(id) : file.length();
  }

  /**
   * Takes the exclusive right to change this upload.
   *
   * @throws OciException with BLOB_UPLOAD_INVALID and status 409, if another request holds it; with
   *     BLOB_UPLOAD_UNKNOWN, if it has ended
   */
  public Hold hold() throws IOException {
    if (!turn.tryAcquire()) {
      throw new OciException(
              ErrorCode.BLOB_UPLOAD_INVALID,
              "another request is writing this upload",
              "send one request at a time; ask for the upload's status and go on from there")
          .withStatus(409);
    }
    try {
      return new Hold(open());
    } catch (IOException | RuntimeException e) {
      turn.release();
      throw e;
    }
  }

  /** Ends the upload and removes its content. */
  public void cancel() throws IOException {
    uploads.forget(id);
  }

  private synchronized GrowingFile open() throws IOException {
    if (isEnded) {
      throw cancelled();
    }
    file = uploads.open(id, fact.algorithm());
    return file;
  }

  private synchronized void release() {
    if (file != null && !isEnded) {
      uploads.rest(id, file);
    }
    file = null;
    turn.release();
  }

  private static OciException cancelled() {
    return new OciException(
        ErrorCode.BLOB_UPLOAD_UNKNOWN, "the upload was cancelled", "start another");
  }

  boolean isBusy() {
    return turn.availablePermits() == 0;
  }

  /**
   * Closes the file and removes it. A request that holds the upload then fails because it was
   * canceled.
   */
  synchronized void end() throws IOException {
    isEnded = true;
    if (file == null) {
      uploads.remove(id);
    } else {
      file.close();
      file.remove();
    }
  }
}
