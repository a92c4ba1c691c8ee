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
 * Where credential helpers are, and how long they may take.
 *
 * @param directories absolute ones, in the order they are looked through
 * @param limit for one answer
 * @param nanoTime what {@link System#nanoTime} says
 */
record Programs(List<Path> directories, Duration limit, LongSupplier nanoTime) {
  private static final Duration USUAL_LIMIT = Duration.ofSeconds(10);

  /** None at all. */
  static final Programs NONE = of("", USUAL_LIMIT, System::nanoTime);

  /** Returns those on a search path such as {@code $PATH}; what is relative in it is left out. */
  static Programs of(String searchPath, Duration limit, LongSupplier nanoTime) {
    var directories = new ArrayList<Path>();
    for (String directory : searchPath.split(File.pathSeparator, -1)) {
      try {
        Path path = Path.of(directory);
        if (path.isAbsolute()) {
          directories.add(path);
        }
      } catch (InvalidPathException noPath) {
        // There can be no program in it.
      }
    }
    return new Programs(List.copyOf(directories), limit, nanoTime);
  }

  /** Returns those of this process's environment. */
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
