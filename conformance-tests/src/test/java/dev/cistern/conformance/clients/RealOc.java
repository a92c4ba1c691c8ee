package dev.cistern.conformance.clients;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** The client of this machine, with a configuration of its own. */
final class RealOc implements Oc {
  private final Path program;
  private final Path directory;
  private final Path config;

  /** Makes one that says nothing of who it is. */
  RealOc(Path program, String server, Path directory) throws IOException {
    this(program, directory, "server: \"" + server + "\"", "{}");
  }

  /**
   * Makes one.
   *
   * @param cluster the keys of the cluster, in YAML's flow style
   * @param user those of the user, with their braces
   */
  RealOc(Path program, Path directory, String cluster, String user) throws IOException {
    this.program = program;
    this.directory = directory;
    this.config =
        Files.writeString(
            directory.resolve("kubeconfig"),
            """
            apiVersion: v1
            kind: Config
            clusters: [{name: c, cluster: {%s}}]
            users: [{name: u, user: %s}]
            contexts: [{name: c, context: {cluster: c, namespace: default, user: u}}]
            current-context: c
            """
                .formatted(cluster, user));
  }

  @Override
  public Said run(String... words) {
    Command.Ended ended = command(words).end();
    return new Said(true, ended.status(), ended.text(), ended.errors());
  }

  Command command(String... words) {
    return new Command(List.of(program.toString()), Map.of(), Duration.ofSeconds(60))
        .and(words)
        .with("KUBECONFIG", config.toString())
        .with("HOME", directory.toString());
  }

  @Override
  public void close() {}
}
