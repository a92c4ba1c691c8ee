package dev.cistern.conformance.clients;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** containerd below a directory, and {@code ctr} and the CRI to talk to it. */
final class Containerd implements AutoCloseable {
  private static final String TRUSTED = "SSL_CERT_FILE";

  private final Path directory;
  private final Daemon daemon;

  /** What differs from our environment. */
  private final Map<String, String> environment;

  private Containerd(Path directory, Daemon daemon, Map<String, String> environment) {
    this.directory = directory;
    this.daemon = daemon;
    this.environment = environment;
  }

  static Containerd start(Path directory) {
    return start(directory, Map.of(), "", "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]");
  }

  /**
   * Starts one with a CRI that goes by the same hosts.toml files, as on a node of a cluster.
   *
   * @param trusted the certificates of all who are trusted, in PEM
   */
  static Containerd startNode(Path directory, Path trusted) {
    String plugin =
        """
        [plugins."io.containerd.grpc.v1.cri".registry]
          config_path = "%s"
        [plugins."io.containerd.grpc.v1.cri".containerd]
          snapshotter = "native"
        [plugins."io.containerd.grpc.v1.cri".cni]
          conf_dir = "%s"
        """
            .formatted(directory.resolve("hosts"), directory.resolve("cni"));
    return start(directory, Map.of(TRUSTED, trusted.toString()), plugin, "");
  }

  private static Containerd start(
      Path directory, Map<String, String> environment, String plugins, String more) {
    Path socket = directory.resolve("containerd.sock");
    String configuration =
        """
        version = 2
        root = "%s"
        state = "%s"
        %s
        [grpc]
          address = "%s"
        %s
        """
            .formatted(
                directory.resolve("root"), directory.resolve("state"), more, socket, plugins);
    try {
      Files.createDirectories(directory);
      Path file = Files.writeString(directory.resolve("config.toml"), configuration);
      Command command = Command.of("containerd", "-c", file.toString()).with(environment);
      Daemon daemon = Daemon.start(directory, command);
      var containerd = new Containerd(directory, daemon, environment);
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

  /** Returns what a kubelet asks to pull images. */
  Cri cri() {
    return new Cri(directory.resolve("containerd.sock"));
  }

  /** Returns the digest that a reference has here. */
  String digest(String reference) {
    return digest(ctr("images", "ls", "name==" + reference), reference);
  }

  /** Returns the digest that a reference has among what was pulled by the CRI. */
  String digestOfCri(String reference) {
    return digest(ctr("-n", "k8s.io", "images", "ls", "name==" + reference), reference);
  }

  private static String digest(Command list, String reference) {
    return list.run()
        .lines()
        .filter(line -> line.startsWith(reference + " "))
        .map(line -> line.split("\\s+", -1)[2])
        .findFirst()
        .orElseThrow(() -> new AssertionError(reference + " is not in containerd"));
  }

  Command ctr(String... arguments) {
    return Command.of("ctr", "-a", directory.resolve("containerd.sock").toString(), "-n", "test")
        .and(arguments)
        .with(environment);
  }

  @Override
  public void close() {
    daemon.close();
  }
}
