package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** podman with a storage of its own below a directory. */
final class Podman implements AutoCloseable {
  private final Path directory;
  private final Path registries;

  Podman(Path directory) {
    this.directory = directory;
    registries = directory.resolve("registries.conf");
    write("auth.json", "{}");
    write("containers.conf", "[network]\nnetwork_backend = \"netavark\"\n");
    write("registries.conf", "");
  }

  /** Lets it ask a mirror over plain HTTP for what a registry has. */
  void mirror(String registry, String mirror) {
    write(
        "registries.conf",
        """
        [[registry]]
        prefix = "%1$s"
        location = "%1$s"

        [[registry.mirror]]
        location = "%2$s"
        insecure = true
        """
            .formatted(registry, mirror));
  }

  /** Lets it go by this registries.conf. */
  void registries(String toml) {
    write("registries.conf", toml);
  }

  /** Pulls and returns the digest of what was named: the index, if it names one. */
  String pull(String reference) {
    podman("pull", "-q", "--tls-verify=false", reference).run();
    return podman("image", "inspect", "--format", "{{.Digest}}", reference).run();
  }

  /** Pushes a local image under another name and returns the digest that it got. */
  String push(String local, String remote) {
    Path file = directory.resolve("pushed");
    podman("push", "-q", "--tls-verify=false", "--digestfile", file.toString(), local, remote)
        .run();
    try {
      return Files.readString(file, UTF_8).strip();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Command podman(String... arguments) {
    return Command.of("podman")
        .and("--root", directory.resolve("root").toString())
        .and("--runroot", directory.resolve("run").toString())
        .and("--tmpdir", directory.resolve("tmp").toString())
        .and("--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none")
        .and(arguments)
        .with("REGISTRY_AUTH_FILE", directory.resolve("auth.json").toString())
        .with("CONTAINERS_CONF", directory.resolve("containers.conf").toString())
        .with("CONTAINERS_REGISTRIES_CONF", registries.toString());
  }

  private void write(String name, String content) {
    try {
      Files.createDirectories(directory);
      Files.writeString(directory.resolve(name), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    Daemon.unmount(directory);
  }
}
