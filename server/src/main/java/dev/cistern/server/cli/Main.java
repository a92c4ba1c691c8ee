package dev.cistern.server.cli;

import dev.cistern.server.config.ConfigException;
import java.io.IOException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;

/** The program {@code cistern}. Exit status: 0 done, 1 it failed, 2 the command line is wrong. */
@Command(
    name = "cistern",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    synopsisSubcommandLabel = "COMMAND",
    description = "A pull-through caching mirror registry.",
    subcommands = {ServeCommand.class, CheckCommand.class, TrainCommand.class})
public final class Main {
  private Main() {}

  /** The version in the jar's manifest. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"cistern " + (version == null ? "development" : version)};
    }
  }

  public static void main(String[] arguments) {
    System.exit(
        run(
            arguments,
            new PrintWriter(System.out, true, System.out.charset()),
            new PrintWriter(System.err, true, System.err.charset())));
  }

  static int run(String[] arguments, PrintWriter out, PrintWriter err) {
    return new CommandLine(new Main())
        .setOut(out)
        .setErr(err)
        .setExecutionExceptionHandler((thrown, command, parsed) -> {
          if (thrown instanceof ConfigException || thrown instanceof IOException) {
            err.println("error: " + thrown.getMessage());
            return 1;
          }
          throw thrown;
        })
        .execute(arguments);
  }
}
