package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.Optional;
import java.util.concurrent.Semaphore;

/**
 * A blob that a client is pushing, over one or more requests. A request that changes it holds it
 * ({@link #hold}) from its first byte to its last; a second one meanwhile is refused.
 */
public final class Upload {
  private final Uploads uploads;
  private final String id;
  private final RepositoryName repository;
  private final String owner;
  private final GrowingFile file;
  private final Semaphore turn = new Semaphore(1);

  Upload(Uploads uploads, String id, RepositoryName repository, String owner, GrowingFile file) {
    this.uploads = uploads;
    this.id = id;
    this.repository = repository;
    this.owner = owner;
    this.file = file;
  }

  /** The right to change an upload, until it is closed. */
  public interface Hold extends AutoCloseable {
    @Override
    void close();
  }

  /** Returns 32 hexadecimal digits that cannot be guessed. */
  public String id() {
    return id;
  }

  /** Returns the repository it was started in. */
  public RepositoryName repository() {
    return repository;
  }

  /** Returns how many bytes have come. */
  public long length() {
    return file.length();
  }

  /**
   * Takes the right to change this upload.
   *
   * @throws OciException with BLOB_UPLOAD_INVALID and status 409, if another request has it
   */
  public Hold hold() {
    if (!turn.tryAcquire()) {
      throw new OciException(
              ErrorCode.BLOB_UPLOAD_INVALID,
              "another request is writing this upload",
              "send one request at a time; ask for the upload's status and go on from there")
          .withStatus(409);
    }
    return turn::release;
  }

  /**
   * Appends all of {@code bytes}. If it throws, the upload is as long as before.
   *
   * @throws StoreFullException if the disk has no room
   * @throws OciException with BLOB_UPLOAD_UNKNOWN, if it was cancelled meanwhile
   */
  public void append(ByteBuffer bytes) throws IOException {
    try {
      file.append(bytes);
    } catch (ClosedChannelException e) {
      throw cancelled();
    }
  }

  /**
   * Stores the content as a blob of the upload's repository, durably, and ends the upload.
   *
   * @throws OciException with DIGEST_INVALID, if the content has another digest; the upload is then
   *     removed, since no byte of it can be relied on
   */
  public void finish(Digest digest) throws IOException {
    if (!file.channel().isOpen()) {
      throw cancelled();
    }
    Digest actual = file.digest(digest.algorithm());
    if (!actual.equals(digest)) {
      uploads.forget(id);
      throw new OciException(
          ErrorCode.DIGEST_INVALID,
          "the content is " + actual + ", not " + digest,
          "push the blob again from its first byte");
    }
    uploads.blobs().commit(file, digest, Optional.of(repository));
    uploads.forget(id);
  }

  /** Ends the upload and removes what has come. */
  public void cancel() throws IOException {
    uploads.forget(id);
  }

  private static OciException cancelled() {
    return new OciException(
        ErrorCode.BLOB_UPLOAD_UNKNOWN, "the upload was cancelled", "start another");
  }

  boolean belongsTo(RepositoryName wanted, String who) {
    return repository.equals(wanted) && owner.equals(who);
  }

  boolean isBusy() {
    return turn.availablePermits() == 0;
  }

  /** Closes the file; it stays. */
  void close() throws IOException {
    file.close();
  }

  /** Closes the file and removes it. */
  void remove() throws IOException {
    file.close();
    file.remove();
  }
}
