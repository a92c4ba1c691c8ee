package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The one class that knows the paths on disk, and how a finished file gets to its place so that it
 * survives a power cut: the file synced, then renamed, then the directory synced.
 *
 * <pre>
 * blobs/sha256/ab/abcd...   finished content; name = digest
 * fills/sha256-abcd...      being downloaded
 * uploads/ID                being pushed
 * index/                    RocksDB
 * acknowledged              how far its log must reach, see {@link SequenceMark}
 * store.json                which store this is, see {@link StoreIdentity}
 * quarantine/DATE/...       set aside, see {@link Quarantine}
 * lock                      held by the process that has the store open
 * </pre>
 */
record Layout(Path root) {
  void create() throws IOException {
    for (Path directory : new Path[] {fills(), uploads(), index(), quarantine()}) {
      Files.createDirectories(directory);
    }
    for (Digest.Algorithm algorithm : Digest.Algorithm.values()) {
      Files.createDirectories(blobs(algorithm));
      sync(blobs(algorithm));
    }
    sync(blobs());
    sync(root);
  }

  Path blob(Digest digest) {
    return blobDirectory(digest).resolve(digest.hex());
  }

  Path blobs() {
    return root.resolve("blobs");
  }

  Path blobs(Digest.Algorithm algorithm) {
    return blobs().resolve(algorithm.toString());
  }

  /** Returns what is right in a directory. */
  static List<Path> list(Path directory) throws IOException {
    var found = new ArrayList<Path>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      files.forEach(found::add);
    } catch (DirectoryIteratorException e) {
      throw e.getCause();
    }
    return found;
  }

  /**
   * Returns how many bytes the files right in a directory have; those that vanish count nothing.
   */
  static long bytesIn(Path directory) throws IOException {
    long bytes = 0;
    for (Path file : list(directory)) {
      bytes += sizeOf(file);
    }
    return bytes;
  }

  /** Returns the length in bytes, 0 if there is no such file. */
  static long sizeOf(Path file) throws IOException {
    try {
      return Files.size(file);
    } catch (NoSuchFileException e) {
      return 0;
    }
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

  /** Returns the digest that a file of {@link #fills} is to have, if its name is one of ours. */
  static Optional<Digest> fillOf(Path file) {
    try {
      return Optional.of(Digest.parse(String.valueOf(file.getFileName()).replaceFirst("-", ":")));
    } catch (OciException e) {
      return Optional.empty();
    }
  }

  /** Returns the digest that is the name of a file; empty if its name is none. */
  static Optional<Digest> digestOf(Digest.Algorithm algorithm, Path file) {
    try {
      return Optional.of(new Digest(algorithm, String.valueOf(file.getFileName())));
    } catch (OciException e) {
      return Optional.empty();
    }
  }

  /** Returns the digest of a blob's file; empty if it is not where that blob's file belongs. */
  Optional<Digest> blobOf(Digest.Algorithm algorithm, Path file) {
    return digestOf(algorithm, file).filter(digest -> blob(digest).equals(file));
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

  Path quarantine() {
    return root.resolve("quarantine");
  }

  Path identity() {
    return root.resolve("store.json");
  }

  Path lock() {
    return root.resolve("lock");
  }

  /**
   * Makes {@code written}, whose content is that of {@code digest} and synced, the blob's file,
   * durably. It may be so already, by an earlier try after which the index could not be written.
   */
  void commit(Path written, Digest digest) throws IOException {
    try {
      place(written, digest);
    } catch (IOException e) {
      throw UnwritableStoreException.orSame(e);
    }
  }

  private void place(Path written, Digest digest) throws IOException {
    Path directory = createBlobDirectory(digest);
    if (Files.exists(written) || !Files.exists(blob(digest))) {
      Files.move(written, blob(digest), StandardCopyOption.ATOMIC_MOVE);
    }
    sync(directory);
  }

  /**
   * Creates the directory of a blob, durably, if it is missing; returns it. Called by one thread at
   * a time for a directory.
   */
  Path createBlobDirectory(Digest digest) throws IOException {
    Path directory = blobDirectory(digest);
    if (!Files.isDirectory(directory)) {
      Files.createDirectories(directory);
      try {
        sync(blobs(digest.algorithm()));
      } catch (IOException e) {
        Files.deleteIfExists(directory); // so that the next one syncs it
        throw e;
      }
    }
    return directory;
  }

  /**
   * Tries to write in a directory: a file is made, synced and removed.
   *
   * @throws IOException with the error of the system
   */
  static void probe(Path directory) throws IOException {
    Path file = directory.resolve("probe");
    writeSynced(file, new byte[1]);
    Files.delete(file);
  }

  /**
   * Writes a file, replaced if it is there, and syncs it; its name is durable after {@link #sync}.
   */
  static void writeSynced(Path file, byte[] content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      for (ByteBuffer bytes = ByteBuffer.wrap(content); bytes.hasRemaining(); ) {
        channel.write(bytes);
      }
      channel.force(true);
    }
  }

  /** Makes the names in a directory durable. */
  static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
