package dev.cistern.conformance.clients;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.opentest4j.TestAbortedException;

/**
 * Which real clients are on this machine. What is missing skips a test and says why; where {@code
 * CISTERN_CI=1}, everything has to be there, and it fails.
 */
final class Clients {
  /** Where daemons and tools are that a user's PATH may lack. */
  private static final List<String> MORE_DIRECTORIES =
      List.of("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin");

  private Clients() {}

  /** Says whether everything has to be there. */
  static boolean areAllExpected() {
    return "1".equals(System.getenv("CISTERN_CI"));
  }

  /** Goes on if these programs are there. */
  static void need(String... programs) {
    List<String> missing = Stream.of(programs).filter(name -> find(name).isEmpty()).toList();
    if (!missing.isEmpty()) {
      throw unavailable("not on this machine: " + String.join(", ", missing));
    }
  }

  /** Goes on if this is root, which containerd, dockerd and podman's storage need. */
  static void needRoot() {
    try {
      if (!Files.isDirectory(Path.of("/proc/self"))
          || !Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"))) {
        throw unavailable("needs Linux and root");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns what to throw where a test cannot run on this machine. */
  static RuntimeException unavailable(String reason) {
    if (areAllExpected()) {
      throw new AssertionError("CISTERN_CI=1, but " + reason);
    }
    // Surefire keeps the reason for its report.
    System.out.println("[SKIPPED] " + reason);
    return new TestAbortedException(reason);
  }

  /** Returns a busybox that runs in an image without anything else, if there is one. */
  static Optional<Path> busybox() {
    return find("busybox");
  }

  /** Returns the checkout's directory. */
  static Path checkout() {
    return Path.of("..").toAbsolutePath().normalize();
  }

  static Optional<Path> find(String program) {
    String path = System.getenv().getOrDefault("PATH", "");
    return Stream.concat(Stream.of(path.split(File.pathSeparator)), MORE_DIRECTORIES.stream())
        .map(directory -> Path.of(directory, program))
        .filter(Files::isExecutable)
        .findFirst();
  }
}
