package dev.cistern.auth.credentials;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Search path for credential helpers, and their time limit.
 *
 * @param directories the absolute directories, in the order of the search
 * @param limit the maximum time for one answer
 * @param nanoTime the monotonic clock, such as {@link System#nanoTime}
 */
record Programs(List<Path> directories, Duration limit, LongSupplier nanoTime) {
  private static final Duration USUAL_LIMIT = Duration.ofSeconds(10);

  /** No programs. */
  static final Programs NONE = of("", USUAL_LIMIT, System::nanoTime);

  /**
   * Returns the programs of a search path such as {@code $PATH}, without its relative directories.
   */
  static Programs of(String searchPath, Duration limit, LongSupplier nanoTime) {
    var directories = new ArrayList<Path>();
    for (String directory : searchPath.split(File.pathSeparator, -1)) {
      try {
        Path path = Path.of(directory);
        if (path.isAbsolute()) {
          directories.add(path);
        }
      } catch (InvalidPathException noPath) {
        // No program can be in it.
      }
    }
    return new Programs(List.copyOf(directories), limit, nanoTime);
  }

  /** Returns the programs of this process's search path. */
  static Programs ofEnvironment() {
    String searchPath = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return of(searchPath, USUAL_LIMIT, System::nanoTime);
  }

  Optional<Path> find(String name) {
    return directories.stream()
        .map(directory -> directory.resolve(name))
        .filter(file -> Files.isRegularFile(file) && Files.isExecutable(file))
        .findFirst();
  }
}
