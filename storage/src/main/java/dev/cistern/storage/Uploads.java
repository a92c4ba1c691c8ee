package dev.cistern.storage;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.base.ClockJumps;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.UploadFact;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The uploads in progress. They survive a restart, and expire if no content is added for some time.
 *
 * <p>An upload exists by its fact. Its file is created after the fact and removed before it. A file
 * without a fact is therefore a leftover, which {@link Sweep} sets aside.
 */
public final class Uploads {
  private static final Logger LOG = LoggerFactory.getLogger(Uploads.class);
  private static final int ID_BYTES = 16;

  /**
   * Maximum number of upload files that stay open between two requests. The file of any other
   * upload is opened, and its content hashed, when the upload is continued.
   */
  private static final int MOST_RESTING = 500;

  private final Layout layout;
  private final Index index;
  private final Space space;
  private final Blobs blobs;
  private final InstantSource clock;
  private final ClockJumps jumps;
  private final SecureRandom random = new SecureRandom();

  /** One object for each upload, as long as it is referenced. */
  private final Cache<String, Upload> known = Caffeine.newBuilder().weakValues().build();

  /** Open files of uploads that no request holds. Their hashes cover all of their content. */
  private final Cache<String, GrowingFile> resting =
      Caffeine.newBuilder()
          .maximumSize(MOST_RESTING)
          .executor(Runnable::run)
          .<String, GrowingFile>evictionListener((id, file, cause) -> close(file))
          .build();

  Uploads(
      Layout layout, Index index, Space space, Blobs blobs, InstantSource clock, ClockJumps jumps) {
    this.layout = layout;
    this.index = index;
    this.space = space;
    this.blobs = blobs;
    this.clock = clock;
    this.jumps = jumps;
  }

  /**
   * Starts an upload.
   *
   * @param owner identity of the only client that may continue the upload
   * @param algorithm algorithm that its digest most likely has
   */
  public Upload start(RepositoryName repository, String owner, Digest.Algorithm algorithm)
      throws IOException {
    space.check();
    byte[] bits = new byte[ID_BYTES];
    random.nextBytes(bits);
    String id = HexFormat.of().formatHex(bits);
    var fact = new UploadFact(repository, algorithm, clock.instant(), owner);
    index.put(Index.Durability.VISIBLE, Keys.upload(id), fact.encoded());
    return known(id, fact);
  }

  /**
   * Returns the upload to which {@link #start} gave this id, if it belongs to {@code repository}
   * and {@code owner}.
   */
  public Optional<Upload> find(RepositoryName repository, String owner, String id)
      throws IOException {
    byte[] value = index.get(Keys.upload(id));
    if (value == null) {
      return Optional.empty();
    }
    UploadFact fact = UploadFact.decode(value);
    boolean isTheirs = fact.repository().equals(repository) && fact.owner().equals(owner);
    return isTheirs ? Optional.of(known(id, fact)) : Optional.empty();
  }

  /**
   * Removes the uploads to which nothing was added for {@code idle}. Returns the number of removed
   * uploads.
   */
  public int expire(Duration idle) throws IOException {
    if (jumps.holds(idle)) {
      return 0;
    }
    Instant limit = clock.instant().minus(idle);
    var old = new ArrayList<String>();
    byte[] prefix = Keys.uploads();
    index.scan(
        prefix,
        prefix,
        (key, value) -> {
          if (UploadFact.decode(value).started().isBefore(limit)) {
            old.add(Keys.textAfter(prefix.length, key));
          }
          return true;
        });
    int expired = 0;
    for (String id : old) {
      if (lastWritten(id).isBefore(limit) && !isBusy(id)) {
        forget(id);
        expired++;
      }
    }
    return expired;
  }

  Blobs blobs() {
    return blobs;
  }

  /** Ends an upload, whether its content was stored or not. */
  void forget(String id) throws IOException {
    Upload upload = known.getIfPresent(id);
    if (upload != null) {
      upload.end();
    } else {
      remove(id);
    }
    index.write(
        Index.Durability.VISIBLE,
        batch -> {
          batch.delete(Keys.upload(id));
          return true;
        });
  }

  /** Closes the files. The uploads stay. */
  void close() throws IOException {
    for (GrowingFile file : resting.asMap().values()) {
      file.close();
    }
  }

  /** Opens the file of an upload for the request that holds it. */
  GrowingFile open(String id, Digest.Algorithm algorithm) throws IOException {
    GrowingFile rested = resting.asMap().remove(id);
    if (rested != null) {
      return rested;
    }
    GrowingFile file = GrowingFile.open(layout.upload(id), space, algorithm);
    try {
      file.resume();
    } catch (IOException e) {
      file.close();
      throw e;
    }
    return file;
  }

  /** Takes back the file of an upload from the request that held it. */
  void rest(String id, GrowingFile file) {
    resting.put(id, file);
  }

  /** Returns the length in bytes of the file of an upload that no request holds. */
  long lengthOf(String id) throws IOException {
    return Layout.sizeOf(layout.upload(id));
  }

  /** Removes the file of an upload that no request holds. */
  void remove(String id) throws IOException {
    GrowingFile rested = resting.asMap().remove(id);
    if (rested != null) {
      rested.close();
    }
    remove(layout.upload(id));
  }

  private Upload known(String id, UploadFact fact) {
    return known.get(id, absent -> new Upload(this, id, fact));
  }

  private boolean isBusy(String id) {
    Upload upload = known.getIfPresent(id);
    return upload != null && upload.isBusy();
  }

  private Instant lastWritten(String id) throws IOException {
    try {
      return Files.getLastModifiedTime(layout.upload(id)).toInstant();
    } catch (NoSuchFileException e) {
      return Instant.MIN;
    }
  }

  private static void close(@Nullable GrowingFile file) {
    try {
      if (file != null) {
        file.close();
      }
    } catch (IOException e) {
      LOG.atWarn().addKeyValue("file", file.path()).setCause(e).log("an upload was not closed");
    }
  }

  private void remove(Path file) throws IOException {
    long bytes = Layout.sizeOf(file);
    if (Files.deleteIfExists(file)) {
      space.give(bytes);
    }
  }
}
