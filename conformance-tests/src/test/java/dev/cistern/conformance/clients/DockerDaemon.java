package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A dockerd of its own below a directory. It touches no network of the machine: containers have the
 * network {@code none} or {@code host}.
 */
final class DockerDaemon implements AutoCloseable {
  private final Path directory;
  private final Daemon daemon;

  private DockerDaemon(Path directory, Daemon daemon) {
    this.directory = directory;
    this.daemon = daemon;
  }

  /** Starts one with more options. */
  static DockerDaemon start(Path directory, String... options) {
    return start(directory, Command.of("dockerd").and(options));
  }

  /**
   * Starts one in a network of its own.
   *
   * @param trusted the certificates of all whom it trusts, in PEM
   */
  static DockerDaemon start(Path directory, Network network, Path trusted) {
    Command command = Command.of("dockerd").with("SSL_CERT_FILE", trusted.toString());
    return start(directory, network.in(command));
  }

  private static DockerDaemon start(Path directory, Command dockerd) {
    try {
      Files.createDirectories(directory.resolve("config"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Command command =
        dockerd
            .and("-H", "unix://" + directory.resolve("docker.sock"))
            .and("--data-root", directory.resolve("data").toString())
            .and("--exec-root", directory.resolve("exec").toString())
            .and("--pidfile", directory.resolve("docker.pid").toString())
            .and("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--bridge=none")
            .and("--storage-driver=overlay2");
    Daemon daemon = Daemon.start(directory, command);
    var docker = new DockerDaemon(directory, daemon);
    daemon.awaitReady(() -> docker.docker("version").end().status() == 0);
    return docker;
  }

  /** Returns a command for this daemon. */
  Command docker(String... arguments) {
    return with(Command.of("docker").and(arguments));
  }

  /** Returns a program that uses docker, so that it uses this daemon. */
  Command with(Command command) {
    return command
        .with("DOCKER_HOST", socket())
        .with("DOCKER_CONFIG", directory.resolve("config").toString());
  }

  /** Returns where it listens, as DOCKER_HOST has it. */
  String socket() {
    return "unix://" + directory.resolve("docker.sock");
  }

  /** Pulls and returns the digest of what was named: the index, if it names one. */
  String pull(String reference) {
    docker("pull", "-q", reference).run();
    return digest(reference);
  }

  /** Returns the digest under which an image was pulled or pushed last. */
  String digest(String reference) {
    String digest =
        docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", reference).run();
    return digest.substring(digest.indexOf('@') + 1);
  }

  /** Runs an image and returns what it said. */
  String run(String reference) {
    return docker("run", "--rm", "--network", "none", reference).run();
  }

  @Override
  public void close() {
    try {
      for (String container : docker("ps", "-aq").run().lines().toList()) {
        docker("rm", "-f", "-v", container).run();
      }
    } finally {
      daemon.close();
      // JUnit would warn about each of the many links in images.
      Command.of("rm", "-rf", directory.resolve("data").toString()).run();
    }
  }
}
