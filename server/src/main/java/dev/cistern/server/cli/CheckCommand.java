package dev.cistern.server.cli;

import dev.cistern.auth.access.Policy;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.server.config.AccessRules;
import dev.cistern.server.config.AccessSettings;
import dev.cistern.server.config.Config;
import dev.cistern.server.config.ConfigException;
import dev.cistern.server.config.NamedBinding;
import dev.cistern.server.config.RuleFiles;
import dev.cistern.server.config.Rules;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/**
 * The {@code check} command, which validates the configuration and prints the effective settings.
 */
final class CheckCommand implements Command {
  @Override
  public String name() {
    return "check";
  }

  @Override
  public String summary() {
    return "reads the configuration as serve would, and says what is in force";
  }

  @Override
  public Options options() {
    return ConfigOptions.options();
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err) {
    Config config = ConfigOptions.read(line, System.getenv());
    out.println("listen: " + config.listen().getHostString() + ":" + config.listen().getPort());
    out.println("storage: " + config.data().toAbsolutePath());
    for (UpstreamSettings upstream : config.upstreams()) {
      out.println(
          "upstream "
              + upstream.name()
              + ": "
              + upstream.endpoint()
              + (upstream.insecure() ? " (insecure)" : ""));
    }
    config.upstreams().forEach(upstream -> warn(upstream, out));
    out.println("default upstream: " + config.defaultUpstream().orElse("none"));
    Rules rules = RuleFiles.readOnce(config.resources());
    out.println("mirror sets: " + rules.mirrorSets().size());
    AccessSettings access = config.access();
    out.println(
        "access: "
            + (access.isOpen() ? "nobody is asked who he is" : "by users and tokens")
            + ", anonymous: "
            + access.anonymous().name().toLowerCase(Locale.ROOT)
            + (access.isReadOnly() ? ", read-only" : ""));
    AccessRules who = rules.access();
    out.println("role bindings: " + who.bindings().size());
    Policy.of(
            who.bindings().stream().map(NamedBinding::binding).toList(), who.groups(), who.roles())
        .problems()
        .forEach(problem -> out.println("grants nothing: " + problem));
    List<String> problems =
        Stream.concat(
                config.upstreams().stream().map(UpstreamSettings::keyring),
                Stream.of(rules.pullSecret()))
            .flatMap(keyring -> keyring.problems().stream())
            .distinct()
            .toList();
    if (!problems.isEmpty()) {
      throw new ConfigException(String.join("\n", problems));
    }
    out.println("the configuration is good");
    return 0;
  }

  /**
   * Warns about realms whose host is trusted on another port only. Until 0.2.0 a listed host was
   * trusted on all ports.
   */
  private static void warn(UpstreamSettings upstream, PrintWriter out) {
    for (String realm : upstream.realmsOnOtherPorts()) {
      out.println(
          "warning: trusted-ports: upstream "
              + upstream.name()
              + ": realms has "
              + realm
              + ", whose host is trusted on another port only; add "
              + realm
              + " to trustedHosts if it is on a private address");
    }
  }
}
