package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Optional;
import java.util.function.LongConsumer;

/**
 * Result of adopting a data directory that has content but no index. Adoption creates a new, empty
 * index and moves the content to the {@link Quarantine}. A later fill takes the content from there
 * instead of downloading it.
 *
 * <p>Content that matches its digest expires with the quarantine. Other content stays in the
 * quarantine until an administrator empties it. The index is created last, so an interrupted
 * adoption can be repeated.
 *
 * @param blobs intact blobs that were set aside for reuse
 * @param bytes total size of these blobs in bytes
 * @param damaged blobs whose content does not match their digest
 */
public record Adoption(long blobs, long bytes, long damaged) {
  /**
   * Adopts the content of a directory. Takes as long as reading all of the content.
   *
   * @param progress callback that receives the size in bytes of each file after it was read
   * @throws StoreRefusedException if there is an index, or another process has the store open
   */
  public static Adoption adopt(
      Path directory, StorageLimits limits, InstantSource clock, LongConsumer progress)
      throws IOException {
    var layout = new Layout(directory);
    try (FileChannel lock = Store.lock(layout)) {
      if (IndexFiles.isThere(layout.index())) {
        throw new StoreRefusedException(
            layout.index()
                + " is not empty; nothing was changed. If it belongs to another store or is damaged,"
                + " move it away first");
      }
      layout.create();
      var space = new Space(Files.getFileStore(directory), limits, clock);
      Quarantine quarantine = Quarantine.open(layout, space, clock, limits.quarantine());
      Adoption adopted = setAside(layout, quarantine, progress);
      Files.deleteIfExists(layout.identity());
      Files.deleteIfExists(new IndexFiles(layout.index()).mark());
      try (Index index = Index.open(layout.index())) {
        Format.upgrade(index);
        new StartCheck(layout).give(index, StoreIdentity.create());
      }
      return adopted;
    }
  }

  private static Adoption setAside(Layout layout, Quarantine quarantine, LongConsumer progress)
      throws IOException {
    long blobs = 0;
    long bytes = 0;
    long damaged = 0;
    for (Digest.Algorithm algorithm : Digest.Algorithm.values()) {
      for (Path directory : Layout.list(layout.blobs(algorithm))) {
        for (Path file : Layout.list(directory)) {
          long size = Layout.sizeOf(file);
          if (isWhole(algorithm, file)) {
            quarantine.setAside(
                file,
                algorithm + "-" + file.getFileName(),
                "adopted, its index was missing",
                Quarantine.Retention.EXPIRES);
            blobs++;
            bytes += size;
          } else {
            quarantine.setAside(
                file,
                algorithm + "-" + file.getFileName(),
                "its content has another digest, and its index was missing",
                Quarantine.Retention.RESERVED);
            damaged++;
          }
          progress.accept(size);
        }
      }
    }
    for (Path file : Layout.list(layout.uploads())) {
      quarantine.setAside(
          file,
          "upload-" + file.getFileName(),
          "its index was missing",
          Quarantine.Retention.EXPIRES);
    }
    return new Adoption(blobs, bytes, damaged);
  }

  private static boolean isWhole(Digest.Algorithm algorithm, Path file) throws IOException {
    Optional<Digest> digest = Layout.digestOf(algorithm, file);
    return digest.isPresent() && Quarantine.isWhole(file, digest.get());
  }
}
