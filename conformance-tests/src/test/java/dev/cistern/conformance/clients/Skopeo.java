package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** skopeo, without the logins of the user who runs the tests, over plain HTTP. */
final class Skopeo {
  private final Path directory;
  private final Path logins;

  /** Makes one that keeps its (no) logins in the directory. */
  Skopeo(Path directory) {
    this.directory = directory;
    try {
      logins = Files.writeString(directory.resolve("skopeo-auth.json"), "{}");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Copies an image with all its platforms, as it is. */
  void copyAll(String from, String to) {
    copy("--all", "--preserve-digests", from, to).run();
  }

  Command copy(String... arguments) {
    return skopeo("copy", "--src-tls-verify=false", "--dest-tls-verify=false").and(arguments);
  }

  Command inspect(String... arguments) {
    return skopeo("inspect", "--tls-verify=false").and(arguments);
  }

  /** Returns the bytes of the manifest that a reference names. */
  byte[] manifest(String reference) {
    return inspect("--raw", reference).succeed().bytes();
  }

  Command listTags(String repository) {
    return skopeo("list-tags", "--tls-verify=false", repository);
  }

  Command delete(String reference) {
    return skopeo("delete", "--tls-verify=false", reference);
  }

  /**
   * Returns a command that goes by this registries.conf, without the user's drop-ins; over plain
   * HTTP only where the file says so.
   */
  Command by(Path registries, String... words) {
    return skopeo("--registries-conf", registries.toString())
        .and(words)
        .with("HOME", directory.toString());
  }

  Command skopeo(String... words) {
    return Command.of("skopeo", "--insecure-policy")
        .and(words)
        .with("REGISTRY_AUTH_FILE", logins.toString());
  }
}
