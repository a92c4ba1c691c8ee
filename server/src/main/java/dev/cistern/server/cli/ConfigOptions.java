package dev.cistern.server.cli;

import dev.cistern.mirror.upstream.ProxyRules;
import dev.cistern.server.config.Config;
import dev.cistern.server.config.ConfigDraft;
import dev.cistern.server.config.ConfigException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.Options;

/**
 * The options that configure the server. Environment variables override the file, and the command
 * line overrides both.
 */
final class ConfigOptions {
  private static final String CONFIG = "config";
  private static final String LISTEN = "listen";
  private static final String DATA = "data";
  private static final String UPSTREAM = "upstream";
  private static final String RESOURCES = "resources";
  private static final String ANONYMOUS = "anonymous";
  private static final String DEFAULT_UPSTREAM = "default-upstream";

  private ConfigOptions() {}

  static Options options() {
    return new Options()
        .addOption(option(CONFIG, "FILE", "configuration in YAML"))
        .addOption(option(LISTEN, "HOST:PORT", "where to listen (default 127.0.0.1:5000)"))
        .addOption(option(DATA, "DIR", "where to keep the store (default ./cistern-data)"))
        .addOption(
            option(
                UPSTREAM,
                "[NAME=]URL",
                "one more upstream registry, kept under NAME/ (default its host); may be repeated"))
        .addOption(
            option(
                RESOURCES,
                "DIR",
                "one more directory with objects of the cluster: mirror sets, pull secrets"))
        .addOption(
            option(
                ANONYMOUS,
                "WHAT",
                "what those may do who do not say who they are: none, pull, push or admin (default"
                    + " admin on loopback, pull with access: configured, beyond loopback none)"))
        .addOption(
            option(
                DEFAULT_UPSTREAM,
                "NAME",
                "the upstream of repositories whose name begins with no upstream's"));
  }

  /**
   * Returns the configuration.
   *
   * @throws ConfigException if it is invalid
   */
  static Config read(CommandLine line, Map<String, String> environment) {
    var draft = new ConfigDraft(proxies(environment));
    said(line, CONFIG, environment, "CISTERN_CONFIG").map(Path::of).ifPresent(draft::read);
    said(line, LISTEN, environment, "CISTERN_LISTEN").ifPresent(draft::listen);
    said(line, DATA, environment, "CISTERN_DATA").map(Path::of).ifPresent(draft::data);
    if (line.hasOption(UPSTREAM)) {
      for (String upstream : line.getOptionValues(UPSTREAM)) {
        draft.upstream(upstream);
      }
    }
    paths(line, RESOURCES).forEach(draft::resources);
    said(line, DEFAULT_UPSTREAM, environment, "CISTERN_DEFAULT_UPSTREAM")
        .ifPresent(draft::defaultUpstream);
    said(line, ANONYMOUS, environment, "CISTERN_ANONYMOUS").ifPresent(draft::anonymous);
    Optional.ofNullable(environment.get("CISTERN_ACCESS_LOG"))
        .ifPresent(text -> draft.accessLog(!text.equals("off")));
    return draft.config();
  }

  /** Returns the values of an option that may be repeated. */
  static List<Path> paths(CommandLine line, String option) {
    return line.hasOption(option)
        ? Stream.of(line.getOptionValues(option)).map(Path::of).toList()
        : List.of();
  }

  private static ProxyRules proxies(Map<String, String> environment) {
    try {
      return ProxyRules.of(environment);
    } catch (IllegalArgumentException e) {
      throw new ConfigException(String.valueOf(e.getMessage()));
    }
  }

  private static Optional<String> said(
      CommandLine line, String option, Map<String, String> environment, String variable) {
    return Optional.ofNullable(line.getOptionValue(option))
        .or(() -> Optional.ofNullable(environment.get(variable)));
  }

  static Option option(String name, String argument, String description) {
    return Option.builder().longOpt(name).hasArg().argName(argument).desc(description).get();
  }
}
