package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A self-signed certificate of 127.0.0.1, in PEM.
 *
 * @param key the file of its key
 */
record Certificate(Path file, Path key) {
  /** Makes one, {@code directory/ca.pem}. */
  static Certificate make(Path directory) {
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Path certificate = directory.resolve("ca.pem");
    Path key = directory.resolve("key.pem");
    Command.of("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        .and("-nodes", "-days", "2", "-subj", "/CN=upstream", "-addext")
        .and("subjectAltName=IP:127.0.0.1", "-keyout", key.toString())
        .and("-out", certificate.toString())
        .run();
    return new Certificate(certificate, key);
  }
}
