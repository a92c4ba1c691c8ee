package dev.cistern.server.access;

import dev.cistern.auth.access.SigningKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The directory of signing keys, read again when its files change. To rotate keys, add one whose
 * name sorts last, and remove the others when their tokens have expired. Used by one thread at a
 * time.
 */
public final class KeyDirectory {
  private final Path directory;
  private Map<Path, FileTime> known = Map.of();
  private @Nullable SigningKeys keys;

  public KeyDirectory(Path directory) {
    this.directory = directory;
  }

  /**
   * Checks the files and returns whether they changed. If a file is refused, the previous keys stay
   * in use, and the next call reads the same files again.
   *
   * @throws IOException if a file is refused; the message names the file
   */
  public boolean refresh() throws IOException {
    Map<Path, FileTime> now = files();
    if (keys != null && now.equals(known)) {
      return false;
    }
    keys = SigningKeys.open(directory); // it may make the first key
    known = now.isEmpty() ? files() : now;
    return true;
  }

  /** Returns the keys that were read last. */
  public SigningKeys keys() {
    if (keys == null) {
      throw new IllegalStateException("the keys were not read yet");
    }
    return keys;
  }

  private Map<Path, FileTime> files() throws IOException {
    var files = new TreeMap<Path, FileTime>();
    if (Files.exists(directory)) {
      try (Stream<Path> found = Files.list(directory)) {
        for (Path file : found.toList()) {
          files.put(file, Files.getLastModifiedTime(file));
        }
      }
    }
    return files;
  }
}
