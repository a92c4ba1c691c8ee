package dev.cistern.server.cli;

import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.server.config.Config;
import java.io.PrintWriter;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;

/** Reads the configuration and says what is in force. */
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
  public int run(CommandLine line, PrintWriter out) {
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
    out.println("default upstream: " + config.defaultUpstream().orElse("none"));
    out.println("the configuration is good");
    return 0;
  }
}
