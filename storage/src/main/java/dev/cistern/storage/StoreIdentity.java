package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The identity of the store in a data directory: the content of {@code store.json}. The index has
 * the same id, so that an index of another store is detected.
 *
 * @param format format version of the data directory
 * @param id random id of the store
 * @param isRepaired whether the index was opened up to the last good record of a damaged log, and
 *     no check of the whole store has followed; content that the index does not need is then set
 *     aside
 */
record StoreIdentity(int format, UUID id, boolean isRepaired) {
  static final int FORMAT = 2;

  private static final Pattern JSON =
      Pattern.compile(
          "\\{\"format\":(\\d{1,9}),\"id\":\"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\",\"version\":\"[^\"]*\""
              + "(,\"repaired\":true)?\\}\\s*");

  /** Returns the identity of a new store. */
  static StoreIdentity create() {
    return of(UUID.randomUUID());
  }

  static StoreIdentity of(UUID id) {
    return new StoreIdentity(FORMAT, id, false);
  }

  /** Returns the id in the encoding of the index. */
  byte[] encodedId() {
    return id.toString().getBytes(US_ASCII);
  }

  StoreIdentity withRepaired(boolean repaired) {
    return new StoreIdentity(format, id, repaired);
  }

  /**
   * Returns the identity in a file, or empty if the file is missing.
   *
   * @throws StoreRefusedException if the file is damaged, or a newer version wrote it
   */
  static Optional<StoreIdentity> read(Path file) throws IOException {
    String text;
    try {
      text = new String(Files.readAllBytes(file), UTF_8);
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    Matcher matcher = JSON.matcher(text);
    if (!matcher.matches()) {
      throw new StoreRefusedException(
          file
              + " is damaged; nothing was changed. Restore it from a backup, or remove it if index/"
              + " and blobs/ belong together");
    }
    int format = Integer.parseInt(matcher.group(1));
    if (format > FORMAT) {
      throw new StoreRefusedException(
          "a newer Cistern wrote "
              + file
              + ", in format "
              + format
              + "; this one knows formats up to "
              + FORMAT);
    }
    return Optional.of(
        new StoreIdentity(format, UUID.fromString(matcher.group(2)), matcher.group(3) != null));
  }

  /** Writes the identity durably and atomically. */
  void write(Path file) throws IOException {
    Path directory = file.toAbsolutePath().getParent();
    Path written = file.resolveSibling(file.getFileName() + ".new");
    String text =
        "{\"format\":%d,\"id\":\"%s\",\"version\":\"%s\"%s}\n"
            .formatted(format, id, version(), isRepaired ? ",\"repaired\":true" : "");
    Layout.writeSynced(written, text.getBytes(UTF_8));
    Files.move(written, file, StandardCopyOption.ATOMIC_MOVE);
    if (directory != null) {
      Layout.sync(directory);
    }
  }

  private static String version() {
    @Nullable String version = StoreIdentity.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
