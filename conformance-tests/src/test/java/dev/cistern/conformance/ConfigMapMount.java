package dev.cistern.conformance;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A directory as the kubelet mounts a ConfigMap with one file: a link to it below the link {@code
 * ..data}, which is swapped for that of a new directory, whereupon the old one is deleted.
 */
final class ConfigMapMount {
  private final Path directory;
  private final String name;
  private int versions;

  ConfigMapMount(Path directory, String name) {
    this.directory = directory;
    this.name = name;
  }

  Path directory() {
    return directory;
  }

  /** Puts the first or another text into the file. */
  void swap(String text) {
    try {
      Path old = version();
      versions++;
      Files.createDirectories(version());
      Files.writeString(version().resolve(name), text);
      Path next =
          Files.createSymbolicLink(directory.resolve("..data_tmp"), version().getFileName());
      Files.move(next, directory.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
      if (versions == 1) {
        Files.createSymbolicLink(directory.resolve(name), Path.of("..data", name));
      } else {
        Files.delete(old.resolve(name));
        Files.delete(old);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path version() {
    return directory.resolve("..version_" + versions);
  }
}
