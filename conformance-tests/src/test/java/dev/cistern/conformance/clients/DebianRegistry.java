package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The registry that Debian packages (CNCF distribution), as an upstream on loopback. */
final class DebianRegistry implements AutoCloseable {
  private static final Pattern LISTENING = Pattern.compile("listening on 127\\.0\\.0\\.1:(\\d+)");

  private final Daemon daemon;
  private final int port;
  private final String scheme;

  private DebianRegistry(Daemon daemon, int port, String scheme) {
    this.daemon = daemon;
    this.port = port;
    this.scheme = scheme;
  }

  /** Starts one that everybody may use. */
  static DebianRegistry start(Path directory) {
    return start(directory, "", "");
  }

  /** Starts one that asks for a name and a password (Basic). */
  static DebianRegistry startWithPassword(Path directory, String user, String password) {
    try {
      Files.createDirectories(directory);
      Path passwords = directory.resolve("htpasswd");
      Files.writeString(passwords, Command.of("htpasswd", "-Bbn", user, password).run());
      return start(
          directory, "", "auth: {htpasswd: {realm: upstream, path: \"" + passwords + "\"}}\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts one that speaks TLS, with the certificate {@code directory/ca.pem}. */
  static DebianRegistry startTls(Path directory) {
    Certificate certificate = Certificate.make(directory);
    return start(
        directory,
        ", tls: {certificate: \"%s\", key: \"%s\"}"
            .formatted(certificate.file(), certificate.key()),
        "");
  }

  private static DebianRegistry start(Path directory, String tls, String more) {
    String configuration =
        """
        version: 0.1
        log: {level: info}
        storage:
          filesystem: {rootdirectory: "%s"}
          delete: {enabled: true}
        http: {addr: 127.0.0.1:0%s}
        """
            .formatted(directory.resolve("content"), tls);
    try {
      Files.createDirectories(directory);
      Path file = Files.writeString(directory.resolve("config.yml"), configuration + more);
      Daemon daemon =
          Daemon.start(directory, Command.of("docker-registry", "serve", file.toString()));
      daemon.awaitReady(() -> LISTENING.matcher(daemon.errors()).find());
      Matcher listening = LISTENING.matcher(daemon.errors());
      if (!listening.find()) {
        throw new AssertionError("no port in:\n" + daemon.errors());
      }
      return new DebianRegistry(
          daemon, Integer.parseInt(listening.group(1)), tls.isEmpty() ? "http" : "https");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns {@code 127.0.0.1:PORT}. */
  String host() {
    return "127.0.0.1:" + port;
  }

  /** Returns its address. */
  String endpoint() {
    return scheme + "://" + host();
  }

  /** Returns the requests it has answered so far, a line in the combined format for each. */
  List<String> requests() {
    return daemon.log();
  }

  @Override
  public void close() {
    daemon.close();
  }
}
