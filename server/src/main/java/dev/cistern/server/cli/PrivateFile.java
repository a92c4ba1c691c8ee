package dev.cistern.server.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;

/** A file with credentials, which only its owner may read. */
final class PrivateFile {
  private PrivateFile() {}

  /**
   * Replaces a file atomically, so that a program that reads it sees either the old or the new
   * content.
   */
  static void replace(Path file, byte[] content) throws IOException {
    Path directory = file.toAbsolutePath().getParent();
    Path next =
        Files.createTempFile(
            directory,
            "." + file.getFileName(),
            "",
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
    Files.write(next, content);
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);
  }
}
