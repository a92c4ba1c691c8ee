package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.StandardOpenOption;
import java.time.InstantSource;
import java.util.Optional;
import java.util.OptionalLong;
import org.rocksdb.RocksDBException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stored blobs. Each is stored once, whoever uses it; a repository reaches it only through a
 * link of its own.
 *
 * <p>Safe for all threads; reads of facts take microseconds, the rest may wait for the disk.
 */
public final class Blobs {
  private static final Logger LOG = LoggerFactory.getLogger(Blobs.class);

  private final Layout layout;
  private final Index index;
  private final Space space;
  private final InstantSource clock;
  private final Versions versions;

  Blobs(Layout layout, Index index, Space space, InstantSource clock, Versions versions) {
    this.layout = layout;
    this.index = index;
    this.space = space;
    this.clock = clock;
    this.versions = versions;
  }

  /** Says whether {@code repository} has a link to the blob, whether the content is here or not. */
  public boolean isLinked(RepositoryName repository, Digest digest) {
    return index.get(Keys.blobLink(repository, digest)) != null;
  }

  /** Returns the size in bytes of the blob if its content is here. */
  public OptionalLong size(Digest digest) {
    byte[] fact = index.get(Keys.blob(digest));
    return fact == null ? OptionalLong.empty() : OptionalLong.of(BlobFact.decode(fact).size());
  }

  /** Opens the blob if its content is here; the caller releases it. */
  public Optional<Blob> open(Digest digest) throws IOException {
    byte[] fact = index.get(Keys.blob(digest));
    if (fact == null) {
      return Optional.empty();
    }
    long size = BlobFact.decode(fact).size();
    FileChannel channel;
    try {
      channel = FileChannel.open(layout.blob(digest), StandardOpenOption.READ);
    } catch (NoSuchFileException e) {
      return lost(digest, "its file is gone");
    }
    if (channel.size() != size) {
      channel.close();
      return lost(digest, "its file has another size than the index says");
    }
    return Optional.of(new Blob(digest, channel, size));
  }

  /** Lets {@code repository} reach the blob. */
  public void link(RepositoryName repository, Digest digest, Origin origin) throws IOException {
    index.write(
        origin == Origin.PUSHED ? Index.Durability.SYNCED : Index.Durability.VISIBLE,
        batch -> {
          putLink(batch, repository, digest, origin);
          return true;
        });
  }

  /** Takes the blob from {@code repository}; returns false if it had none. Others keep theirs. */
  public boolean unlink(RepositoryName repository, Digest digest) throws IOException {
    boolean unlinked =
        index.write(
            Index.Durability.SYNCED,
            batch -> {
              byte[] key = Keys.blobLink(repository, digest);
              if (batch.get(key) == null) {
                return false;
              }
              batch.delete(key);
              return true;
            });
    if (unlinked) {
      versions.changed(repository);
    }
    return unlinked;
  }

  /** Opens the file of a download of {@code digest}, which may have something in it. */
  public PartialBlob partial(Digest digest) throws IOException {
    return new PartialBlob(
        this, digest, GrowingFile.open(layout.fill(digest), space, digest.algorithm()));
  }

  /** Returns how many bytes an unfinished download of {@code digest} has left; 0 for none. */
  public long partialLength(Digest digest) throws IOException {
    try {
      return Files.size(layout.fill(digest));
    } catch (NoSuchFileException e) {
      return 0;
    }
  }

  /** Makes a whole and verified file the blob, durably, and links it. */
  void commit(GrowingFile file, Digest digest, Optional<RepositoryName> pushedTo)
      throws IOException {
    if (isWhole(digest)) {
      Files.deleteIfExists(file.path());
    } else {
      layout.commit(file.path(), file.channel(), digest);
    }
    var now = clock.instant();
    index.write(
        Index.Durability.SYNCED,
        batch -> {
          byte[] key = Keys.blob(digest);
          if (batch.get(key) == null) {
            batch.put(key, new BlobFact(file.length(), now, now).encoded());
          }
          if (pushedTo.isPresent()) {
            putLink(batch, pushedTo.get(), digest, Origin.PUSHED);
          }
          return true;
        });
  }

  /** Says whether the blob is stored and its file was not damaged from outside. */
  private boolean isWhole(Digest digest) throws IOException {
    OptionalLong size = size(digest);
    try {
      return size.isPresent() && Files.size(layout.blob(digest)) == size.getAsLong();
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  /** Writes a link unless there is one that is worth more. */
  static void putLink(Index.Batch batch, RepositoryName repository, Digest digest, Origin origin)
      throws RocksDBException {
    byte[] key = Keys.blobLink(repository, digest);
    byte[] old = batch.get(key);
    if (old == null || LinkFact.decode(old).origin() == Origin.CACHED) {
      batch.put(key, new LinkFact(origin).encoded());
    }
  }

  /** The content was damaged from outside: forget it, so that it can be fetched or pushed again. */
  private Optional<Blob> lost(Digest digest, String why) throws IOException {
    LOG.atError().addKeyValue("digest", digest).addKeyValue("why", why).log("blob lost");
    index.write(
        Index.Durability.SYNCED,
        batch -> {
          batch.delete(Keys.blob(digest));
          return true;
        });
    return Optional.empty();
  }
}
