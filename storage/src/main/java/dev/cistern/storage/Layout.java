package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * The one class that knows the paths on disk, and how a finished file gets to its place so that it
 * survives a power cut: the file synced, then renamed, then the directory synced.
 *
 * <pre>
 * blobs/sha256/ab/abcd...   finished content; name = digest
 * fills/sha256-abcd...      being downloaded
 * uploads/ID                being pushed
 * index/                    RocksDB
 * lock                      held by the process that has the store open
 * </pre>
 */
record Layout(Path root) {
  void create() throws IOException {
    for (Path directory : new Path[] {fills(), uploads(), index()}) {
      Files.createDirectories(directory);
    }
    for (Digest.Algorithm algorithm : Digest.Algorithm.values()) {
      Files.createDirectories(blobs(algorithm));
    }
    sync(root.resolve("blobs"));
    sync(root);
  }

  Path blob(Digest digest) {
    return blobDirectory(digest).resolve(digest.hex());
  }

  private Path blobs(Digest.Algorithm algorithm) {
    return root.resolve("blobs").resolve(algorithm.toString());
  }

  private Path blobDirectory(Digest digest) {
    return blobs(digest.algorithm()).resolve(digest.hex().substring(0, 2));
  }

  Path fills() {
    return root.resolve("fills");
  }

  Path fill(Digest digest) {
    return fills().resolve(digest.algorithm() + "-" + digest.hex());
  }

  Path uploads() {
    return root.resolve("uploads");
  }

  Path upload(String id) {
    return uploads().resolve(id);
  }

  Path index() {
    return root.resolve("index");
  }

  Path lock() {
    return root.resolve("lock");
  }

  /**
   * Makes {@code written}, whose content is that of {@code digest}, the blob's file, durably. It
   * may be so already, by an earlier try after which the index could not be written.
   */
  void commit(Path written, FileChannel channel, Digest digest) throws IOException {
    try {
      place(written, channel, digest);
    } catch (IOException e) {
      throw StoreFullException.orSame(e);
    }
  }

  private void place(Path written, FileChannel channel, Digest digest) throws IOException {
    channel.force(false);
    Path directory = blobDirectory(digest);
    if (!Files.isDirectory(directory)) {
      Files.createDirectories(directory);
      sync(blobs(digest.algorithm()));
    }
    if (Files.exists(written) || !Files.exists(blob(digest))) {
      Files.move(written, blob(digest), StandardCopyOption.ATOMIC_MOVE);
    }
    sync(directory);
  }

  private static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
