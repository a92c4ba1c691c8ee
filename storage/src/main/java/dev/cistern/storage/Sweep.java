package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The search for files that no fact names, as a kill may leave them: content of blobs, uploads, and
 * files in {@code fills} whose name is not a digest. Such files are set aside. Nothing is deleted.
 *
 * <p>A run is bounded. A kill leaves few such files, so many of them mean that the index has lost
 * facts. Then the run sets none aside and logs an ERROR. {@link #isDoubtful} is true until a run
 * stays within the bound. Each kind of file has its own bound.
 *
 * <p>Runs on the caller's thread, beside all other operations. Lists the files of blobs twice if it
 * sets some aside, and keeps the paths of one directory in memory at a time.
 */
final class Sweep {
  private static final Logger LOG = LoggerFactory.getLogger(Sweep.class);
  private static final long MAX_FILES = 1_000;
  private static final long MAX_PART = 100;

  /** A directory of blobs whose digests begin with the same two hexadecimal digits. */
  private record Shard(Digest.Algorithm algorithm, Path directory) {}

  private final Layout layout;
  private final Index index;
  private final Space space;
  private final Blobs blobs;
  private final Quarantine quarantine;
  private volatile boolean areBlobsDoubtful;
  private volatile boolean areUploadsDoubtful;
  private volatile boolean areFillsDoubtful;

  Sweep(Layout layout, Index index, Space space, Blobs blobs, Quarantine quarantine) {
    this.layout = layout;
    this.index = index;
    this.space = space;
    this.blobs = blobs;
    this.quarantine = quarantine;
  }

  /** Returns whether the last run for any kind of file exceeded its bound. */
  boolean isDoubtful() {
    return areBlobsDoubtful || areUploadsDoubtful || areFillsDoubtful;
  }

  /** Sets aside the files of blobs that no fact names. Returns the number of files. */
  int blobs() throws IOException {
    long all = 0;
    long unknown = 0;
    List<Shard> shards = shards();
    for (Shard shard : shards) {
      all += Layout.list(shard.directory()).size();
      unknown += unknownIn(shard).size();
    }
    areBlobsDoubtful = isOverBound("blobs", unknown, all);
    int setAside = 0;
    if (!areBlobsDoubtful && unknown > 0) {
      for (Shard shard : shards) {
        for (Digest digest : unknownIn(shard)) {
          setAside += blobs.setAsideUnknown(digest, "no fact names this content") ? 1 : 0;
        }
      }
    }
    return setAside;
  }

  /** Sets aside the files of uploads that no fact names. Returns the number of files. */
  int uploads() throws IOException {
    List<Path> all = Layout.list(layout.uploads());
    List<Path> unknown =
        all.stream().filter(file -> index.get(Keys.upload(nameOf(file))) == null).toList();
    areUploadsDoubtful = isOverBound("uploads", unknown.size(), all.size());
    return areUploadsDoubtful ? 0 : setAside(unknown, "upload-", "no fact names this upload");
  }

  /** Sets aside the files of downloads whose name is not a digest. Returns the number of files. */
  int fills() throws IOException {
    List<Path> all = Layout.list(layout.fills());
    List<Path> unknown = all.stream().filter(file -> Layout.fillOf(file).isEmpty()).toList();
    areFillsDoubtful = isOverBound("fills", unknown.size(), all.size());
    return areFillsDoubtful ? 0 : setAside(unknown, "fill-", "its name is not a digest");
  }

  private int setAside(List<Path> files, String prefix, String why) throws IOException {
    int setAside = 0;
    for (Path file : files) {
      long bytes = Layout.sizeOf(file);
      if (Files.isRegularFile(file)
          && quarantine.setAside(file, prefix + nameOf(file), why, Quarantine.Retention.EXPIRES)) {
        space.give(bytes);
        setAside++;
      }
    }
    return setAside;
  }

  private List<Shard> shards() throws IOException {
    var shards = new ArrayList<Shard>();
    for (Digest.Algorithm algorithm : Digest.Algorithm.values()) {
      for (Path directory : Layout.list(layout.blobs(algorithm))) {
        if (Files.isDirectory(directory)) {
          shards.add(new Shard(algorithm, directory));
        }
      }
    }
    return shards;
  }

  private List<Digest> unknownIn(Shard shard) throws IOException {
    var unknown = new ArrayList<Digest>();
    for (Path file : Layout.list(shard.directory())) {
      Optional<Digest> digest = layout.blobOf(shard.algorithm(), file);
      if (digest.isPresent() && index.get(Keys.blob(digest.get())) == null) {
        unknown.add(digest.get());
      }
    }
    return unknown;
  }

  private static String nameOf(Path file) {
    return String.valueOf(file.getFileName());
  }

  private static boolean isOverBound(String kind, long unknown, long all) {
    if (unknown <= Math.max(MAX_FILES, all / MAX_PART)) {
      return false;
    }
    LOG.atError()
        .addKeyValue("kind", kind)
        .addKeyValue("files", unknown)
        .addKeyValue("of", all)
        .addKeyValue("reason", "the index does not know them; run cistern fsck")
        .log("store doubtful, no file set aside");
    return true;
  }
}
