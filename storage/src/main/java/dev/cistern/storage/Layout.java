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
 * The paths of a data directory, and the moves that make finished files durable. A finished file
 * survives a power cut: it is synced, then renamed, then its directory is synced.
 *
 * <pre>
 * blobs/sha256/ab/abcd...   finished content, named by its digest
 * fills/sha256-abcd...      partial blobs of downloads
 * uploads/ID                content of uploads in progress
 * index/                    RocksDB
 * acknowledged              required end of the log of the index, see {@link SequenceMark}
 * store.json                identity of the store, see {@link StoreIdentity}
 * quarantine/DATE/...       files that were set aside, see {@link Quarantine}
 * lock                      locked by the process that has the store open
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

  /** Returns the entries directly in a directory, in no particular order. */
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
   * Returns the total size in bytes of the files directly in a directory. Files that vanish
   * meanwhile count as 0.
   */
  static long bytesIn(Path directory) throws IOException {
    long bytes = 0;
    for (Path file : list(directory)) {
      bytes += sizeOf(file);
    }
    return bytes;
  }

  /** Returns the length of a file in bytes, or 0 if the file does not exist. */
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

  /**
   * Returns the digest that the content of a file in {@link #fills} must have, or empty if its name
   * is not a digest.
   */
  static Optional<Digest> fillOf(Path file) {
    try {
      return Optional.of(Digest.parse(String.valueOf(file.getFileName()).replaceFirst("-", ":")));
    } catch (OciException e) {
      return Optional.empty();
    }
  }

  /**
   * Returns the digest that a file is named by, or empty if its name is not a hash of {@code
   * algorithm}.
   */
  static Optional<Digest> digestOf(Digest.Algorithm algorithm, Path file) {
    try {
      return Optional.of(new Digest(algorithm, String.valueOf(file.getFileName())));
    } catch (OciException e) {
      return Optional.empty();
    }
  }

  /**
   * Returns the digest of the blob that {@code file} stores, or empty if its path is not that of a
   * blob.
   */
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
   * Moves {@code written} durably to the path of the blob {@code digest}. Its content must have the
   * digest and be synced. If an earlier attempt has moved the file and then failed to write the
   * index, only the directory is synced.
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
   * Creates the directory of a blob durably if it is missing, and returns it. At most one thread at
   * a time may call this for the same directory.
   */
  Path createBlobDirectory(Digest digest) throws IOException {
    Path directory = blobDirectory(digest);
    if (!Files.isDirectory(directory)) {
      Files.createDirectories(directory);
      try {
        sync(blobs(digest.algorithm()));
      } catch (IOException e) {
        Files.deleteIfExists(directory); // so that the next call syncs it
        throw e;
      }
    }
    return directory;
  }

  /**
   * Checks that a directory is writable: creates, syncs and deletes a file in it.
   *
   * @throws IOException if that fails, with the error of the operating system
   */
  static void probe(Path directory) throws IOException {
    Path file = directory.resolve("probe");
    writeSynced(file, new byte[1]);
    Files.delete(file);
  }

  /**
   * Writes and syncs a file, replacing an existing one. The name of the file is durable only after
   * {@link #sync} of its directory.
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

  /** Syncs a directory, so that the names in it are durable. */
  static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
