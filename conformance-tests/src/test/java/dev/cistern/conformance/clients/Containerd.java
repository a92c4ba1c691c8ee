package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** containerd below a directory, and {@code ctr} to talk to it. */
final class Containerd implements AutoCloseable {
  private final Path directory;
  private final Daemon daemon;

  private Containerd(Path directory, Daemon daemon) {
    this.directory = directory;
    this.daemon = daemon;
  }

  static Containerd start(Path directory) {
    Path socket = directory.resolve("containerd.sock");
    String configuration =
        """
        version = 2
        root = "%s"
        state = "%s"
        disabled_plugins = ["io.containerd.grpc.v1.cri"]
        [grpc]
          address = "%s"
        """
            .formatted(directory.resolve("root"), directory.resolve("state"), socket);
    try {
      Files.createDirectories(directory);
      Path file = Files.writeString(directory.resolve("config.toml"), configuration);
      Daemon daemon = Daemon.start(directory, Command.of("containerd", "-c", file.toString()));
      var containerd = new Containerd(directory, daemon);
      daemon.awaitReady(() -> containerd.ctr("version").end().status() == 0);
      return containerd;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Lets it pull what a registry has through a mirror only, which it tells {@code ?ns=}. */
  void mirror(String registry, String mirror) {
    String hosts =
        """
        server = "http://%1$s"
        [host."http://%1$s"]
          capabilities = ["pull", "resolve"]
        """
            .formatted(mirror);
    try {
      Path of = Files.createDirectories(hosts().resolve(registry));
      Files.writeString(of.resolve("hosts.toml"), hosts);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the directory with the hosts.toml files that it goes by, {@code HOST/hosts.toml}. */
  Path hosts() {
    return directory.resolve("hosts");
  }

  /** Returns a pull of a reference, as the hosts.toml files say. */
  Command pull(String... arguments) {
    return ctr("images", "pull", "--hosts-dir", hosts().toString())
        .and("--snapshotter", "native")
        .and(arguments);
  }

  /** Returns the digest that a reference has here. */
  String digest(String reference) {
    return ctr("images", "ls", "name==" + reference)
        .run()
        .lines()
        .filter(line -> line.startsWith(reference + " "))
        .map(line -> line.split("\\s+", -1)[2])
        .findFirst()
        .orElseThrow(() -> new AssertionError(reference + " is not in containerd"));
  }

  Command ctr(String... arguments) {
    return Command.of("ctr", "-a", directory.resolve("containerd.sock").toString(), "-n", "test")
        .and(arguments);
  }

  @Override
  public void close() {
    daemon.close();
  }
}
