package dev.cistern.server.cli;

import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.server.config.Config;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

@Command(
    name = "check",
    mixinStandardHelpOptions = true,
    description = "Reads the configuration as serve would, and says what is in force.")
final class CheckCommand implements Callable<Integer> {
  @Mixin private ConfigOptions options = new ConfigOptions();
  @Spec private CommandSpec spec = CommandSpec.create();

  @Override
  public Integer call() {
    Config config = options.read(System.getenv());
    PrintWriter out = spec.commandLine().getOut();
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
    out.flush();
    return 0;
  }
}
