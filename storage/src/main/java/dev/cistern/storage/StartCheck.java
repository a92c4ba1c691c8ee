package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.cistern.oci.Digest;
import dev.cistern.storage.Facts.BlobFact;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The check whether a data directory may be opened. It depends on {@code store.json}, the index
 * with the id of its store, and content. A new index is created only if there is neither {@code
 * store.json} nor any content. A refusal changes nothing.
 *
 * <p>The check stops at the first file of content; only a refusal counts all files.
 */
final class StartCheck {
  private static final Logger LOG = LoggerFactory.getLogger(StartCheck.class);
  private static final String[] UNITS = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
  private static final int UNIT_BYTES = 1024;

  private final Layout layout;

  StartCheck(Layout layout) {
    this.layout = layout;
  }

  /** A number of files or facts and their total size. */
  private record Amount(long count, long bytes) {
    /** Returns a readable text, such as {@code 1,204 blobs (41 GiB)}. */
    String of(String things) {
      double size = bytes;
      int unit = 0;
      while (size >= UNIT_BYTES && unit < UNITS.length - 1) {
        size /= UNIT_BYTES;
        unit++;
      }
      String noun = count == 1 ? things : things + "s";
      return String.format(Locale.ROOT, "%,d %s (%.0f %s)", count, noun, size, UNITS[unit]);
    }
  }

  /**
   * Checks the directory before the index is opened, because opening would create a new one.
   *
   * @return the identity in {@code store.json}, if there is one
   * @throws StoreRefusedException if the index is missing and this is not a new store
   */
  Optional<StoreIdentity> beforeIndex() throws IOException {
    Optional<StoreIdentity> identity = StoreIdentity.read(layout.identity());
    if (!IndexFiles.isThere(layout.index())
        && (identity.isPresent() || hasFile(contentDirectories()))) {
      throw refusedIndex("is missing");
    }
    return identity;
  }

  /**
   * Checks that the index is that of this store, and starts it. If {@code store.json} is missing,
   * writes the same identity to both. It is missing in a new store, in a store of version 0.1, and
   * if it was lost.
   *
   * @param found identity in {@code store.json}, if there is one
   * @throws StoreRefusedException if the index is that of another store; if it has facts of blobs
   *     although there is no content; or if it has no facts although there are blobs and no {@code
   *     store.json}
   */
  StoreIdentity afterIndex(Index index, Optional<StoreIdentity> found) throws IOException {
    boolean hasBlobFacts = index.hasAny(Keys.family(Keys.BLOB));
    Optional<UUID> indexed = idOf(index);
    if (found.isPresent() && !indexed.equals(found.map(StoreIdentity::id))) {
      throw refusedIndex("belongs to another store");
    }
    boolean hasBlobs = hasFile(blobDirectories());
    if (hasBlobFacts && !hasBlobs) {
      throw refusedContent(index);
    }
    if (found.isEmpty() && hasBlobs && !hasFacts(index)) {
      throw refusedIndex("is empty");
    }
    index.start();
    if (found.isPresent()) {
      return found.get();
    }
    StoreIdentity identity = indexed.map(StoreIdentity::of).orElseGet(StoreIdentity::create);
    give(index, identity);
    return identity;
  }

  /**
   * Checks that a repaired index is that of this store, starts it, and records the loss.
   *
   * @throws StoreRefusedException if the index is that of another store
   */
  StoreIdentity afterRepair(Index index, Optional<StoreIdentity> found, boolean isLossy)
      throws IOException {
    Optional<UUID> indexed = idOf(index);
    if (found.isPresent() && indexed.isPresent() && !indexed.get().equals(found.get().id())) {
      throw refusedIndex("belongs to another store");
    }
    index.start();
    StoreIdentity identity =
        found
            .or(() -> indexed.map(StoreIdentity::of))
            .orElseGet(StoreIdentity::create)
            .withRepaired(isLossy || found.map(StoreIdentity::isRepaired).orElse(false));
    give(index, identity);
    return identity;
  }

  /** Writes the same identity to the index and the data directory, to the index first. */
  void give(Index index, StoreIdentity identity) throws IOException {
    index.put(Index.Durability.SYNCED, Keys.family(Keys.STORE), identity.encodedId());
    identity.write(layout.identity());
    LOG.atInfo().addKeyValue("file", layout.identity()).log("store identity written");
  }

  static Optional<UUID> idOf(Index index) {
    byte @Nullable [] value = index.get(Keys.family(Keys.STORE));
    return value == null
        ? Optional.empty()
        : Optional.of(UUID.fromString(new String(value, US_ASCII)));
  }

  private StoreRefusedException refusedIndex(String what) throws IOException {
    Amount blobs = count(blobDirectories());
    Amount others = count(otherDirectories());
    String stored =
        blobs.count() > 0
            ? ", but " + blobs.of("blob") + (blobs.count() == 1 ? " is" : " are") + " stored"
            : others.count() > 0
                ? ", but " + others.of("file") + (others.count() == 1 ? " is" : " are") + " stored"
                : "";
    return new StoreRefusedException(
        layout.index()
            + " "
            + what
            + stored
            + "; nothing was changed. Restore index/ from a backup, or keep the content for reuse"
            + " under a new index: cistern fsck --data "
            + layout.root()
            + " --adopt");
  }

  private StoreRefusedException refusedContent(Index index) {
    var count = new long[2];
    byte[] family = Keys.family(Keys.BLOB);
    index.scan(
        family,
        family,
        (key, value) -> {
          count[0]++;
          count[1] += BlobFact.decode(value).size();
          return true;
        });
    return new StoreRefusedException(
        layout.index()
            + " has facts of "
            + new Amount(count[0], count[1]).of("blob")
            + ", but "
            + layout.blobs()
            + " has 0 files; nothing was changed. Restore blobs/, or forget cached content and list"
            + " pushed content that is missing: cistern fsck --data "
            + layout.root()
            + " --repair");
  }

  /** Returns whether the index has facts that a new index does not have. */
  private static boolean hasFacts(Index index) {
    for (byte letter : new byte[] {Keys.BLOB, Keys.MANIFEST, Keys.BLOB_LINK, Keys.OBJECT}) {
      if (index.hasAny(Keys.family(letter))) {
        return true;
      }
    }
    return false;
  }

  private List<Path> contentDirectories() throws IOException {
    var directories = new ArrayList<Path>(blobDirectories());
    directories.addAll(otherDirectories());
    return directories;
  }

  private List<Path> blobDirectories() throws IOException {
    var directories = new ArrayList<Path>();
    for (Digest.Algorithm algorithm : Digest.Algorithm.values()) {
      directories.addAll(list(layout.blobs(algorithm)));
    }
    return directories;
  }

  private List<Path> otherDirectories() throws IOException {
    var directories = new ArrayList<Path>(List.of(layout.uploads(), layout.fills()));
    directories.addAll(list(layout.quarantine()));
    return directories;
  }

  private static boolean hasFile(List<Path> directories) throws IOException {
    for (Path directory : directories) {
      for (Path file : list(directory)) {
        if (Files.isRegularFile(file)) {
          return true;
        }
      }
    }
    return false;
  }

  private static Amount count(List<Path> directories) throws IOException {
    long count = 0;
    long bytes = 0;
    for (Path directory : directories) {
      for (Path file : list(directory)) {
        if (Files.isRegularFile(file)) {
          count++;
          bytes += Layout.sizeOf(file);
        }
      }
    }
    return new Amount(count, bytes);
  }

  /** Returns the entries of a directory, or none if there is no such directory. */
  private static List<Path> list(Path directory) throws IOException {
    try {
      return Layout.list(directory);
    } catch (NoSuchFileException | NotDirectoryException e) {
      return List.of();
    }
  }
}
