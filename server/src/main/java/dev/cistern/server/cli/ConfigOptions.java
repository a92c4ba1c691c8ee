package dev.cistern.server.cli;

import dev.cistern.server.config.Config;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that make a configuration: a file, then the environment, then the quick options. */
final class ConfigOptions {
  @Option(names = "--config", paramLabel = "FILE", description = "Configuration in YAML.")
  private @Nullable Path config;

  @Option(
      names = "--listen",
      paramLabel = "HOST:PORT",
      description = "Where to listen (default 127.0.0.1:5000).")
  private @Nullable String listen;

  @Option(
      names = "--data",
      paramLabel = "DIR",
      description = "Where to keep what is stored (default ./cistern-data).")
  private @Nullable Path data;

  @Option(
      names = "--upstream",
      paramLabel = "[NAME=]URL",
      description =
          "One more upstream registry, kept under NAME/ (default its host). May be repeated.")
  private List<String> upstreams = List.of();

  @Option(
      names = "--default-upstream",
      paramLabel = "NAME",
      description = "The upstream of repositories whose name begins with no upstream's.")
  private @Nullable String defaultUpstream;

  /**
   * Returns the configuration.
   *
   * @throws dev.cistern.server.config.ConfigException if it is refused
   */
  Config read(Map<String, String> environment) {
    @Nullable String file = environment.get("CISTERN_CONFIG");
    Config read = Config.defaults();
    if (config != null) {
      read = Config.read(config);
    } else if (file != null) {
      read = Config.read(Path.of(file));
    }
    @Nullable String address = listen != null ? listen : environment.get("CISTERN_LISTEN");
    if (address != null) {
      read = read.withListen(address);
    }
    @Nullable String directory = environment.get("CISTERN_DATA");
    if (data != null) {
      read = read.withData(data);
    } else if (directory != null) {
      read = read.withData(Path.of(directory));
    }
    for (String upstream : upstreams) {
      read = read.withUpstream(upstream);
    }
    @Nullable String usual =
        defaultUpstream != null ? defaultUpstream : environment.get("CISTERN_DEFAULT_UPSTREAM");
    if (usual != null) {
      read = read.withDefaultUpstream(usual);
    }
    if ("off".equals(environment.get("CISTERN_ACCESS_LOG"))) {
      read = read.withAccessLog(false);
    }
    return read;
  }
}
