package dev.cistern.server.cli;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.mirror.rules.RulesException;
import dev.cistern.server.cli.objects.ObjectException;
import dev.cistern.server.config.ConfigException;
import dev.cistern.storage.StoreRefusedException;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.DefaultParser;
import org.apache.commons.cli.Option;
import org.apache.commons.cli.ParseException;

/**
 * The program {@code cistern}. Exit status: 0 for success, 1 for a failure, 2 for an invalid
 * command line. Status 3 means that the store is refused, so that a restart does not help.
 */
public final class Main {
  private static final int FAILED = 1;
  private static final int MISUSED = 2;
  private static final int REFUSED = 3;
  private static final List<Command> COMMANDS =
      List.of(
          new ServeCommand(),
          new CheckCommand(),
          new ResolveCommand(),
          new CredentialsCommand(),
          new RenderCommand(),
          new LoginCommand(),
          new WhyCommand(),
          OrderCommand.refresh(),
          OrderCommand.pin(),
          OrderCommand.unpin(),
          OrderCommand.purge(),
          new PreheatCommand(),
          new ImportImageCommand(),
          new TagCommand(),
          new GetCommand(),
          new DescribeCommand(),
          new ApplyCommand(),
          new DeleteCommand(),
          new PruneCommand(),
          new FsckCommand(),
          new PolicyCommand(),
          new CreateCommand(),
          new KubeconfigCommand(),
          new TrainCommand());

  private Main() {}

  public static void main(String[] arguments) throws InterruptedException {
    System.exit(
        run(
            List.of(arguments),
            new PrintWriter(System.out, true, System.out.charset()),
            new PrintWriter(System.err, true, System.err.charset())));
  }

  static int run(List<String> arguments, PrintWriter out, PrintWriter err)
      throws InterruptedException {
    String word = arguments.isEmpty() ? "--help" : arguments.getFirst();
    if (word.equals("--help") || word.equals("-h")) {
      out.print(help());
      out.flush();
      return arguments.isEmpty() ? MISUSED : 0;
    }
    if (word.equals("--version")) {
      out.println("cistern " + version());
      return 0;
    }
    Optional<Command> command =
        COMMANDS.stream().filter(one -> one.name().equals(word)).findFirst();
    if (command.isEmpty()) {
      err.println("error: no such command: " + word + "; cistern --help lists them");
      return MISUSED;
    }
    return run(command.get(), arguments.subList(1, arguments.size()), out, err);
  }

  private static int run(Command command, List<String> rest, PrintWriter out, PrintWriter err)
      throws InterruptedException {
    if (rest.contains("--help") || rest.contains("-h")) {
      out.print(help(command));
      out.flush();
      return 0;
    }
    try {
      return command.run(parse(command, rest), out, err);
    } catch (ParseException e) {
      err.println("error: " + e.getMessage() + "; see cistern " + command.name() + " --help");
      return MISUSED;
    } catch (StoreRefusedException e) {
      out.flush();
      err.println(Complaint.of(e));
      return REFUSED;
    } catch (ConfigException
        | RulesException
        | CredentialsException
        | ObjectException
        | IOException e) {
      out.flush();
      err.println(Complaint.of(e));
      return FAILED;
    }
  }

  static CommandLine parse(Command command, List<String> rest) throws ParseException {
    CommandLine line =
        new DefaultParser(false)
            .parse(command.options(), Flags.spelledOut(command.options(), rest), false);
    String operands = command.operands();
    int most = operands.isEmpty() ? 0 : operands.contains("...") ? Integer.MAX_VALUE : 1;
    if (line.getArgList().size() > most) {
      throw new ParseException("Unexpected argument: " + line.getArgList().get(most));
    }
    if (line.getArgList().isEmpty() && most > 0 && !operands.startsWith("[")) {
      throw new ParseException("Missing argument: " + operands);
    }
    return line;
  }

  private static String help() {
    var help =
        new StringBuilder("A pull-through caching mirror registry.\n\nUsage: cistern COMMAND\n\n");
    for (Command command : COMMANDS) {
      if (!command.summary().isEmpty()) {
        help.append(String.format("  %-12s %s%n", command.name(), command.summary()));
      }
    }
    return help.append("\n  cistern COMMAND --help    its options\n  cistern --version\n")
        .toString();
  }

  private static String help(Command command) {
    String usage = ("cistern " + command.name() + " " + command.operands()).strip();
    var help = new StringBuilder(usage + ": " + command.summary() + "\n\n");
    for (Option option : command.options().getOptions()) {
      String argument = option.hasArg() && !Flags.isOne(option) ? " " + option.getArgName() : "";
      String letter = option.getOpt() == null ? "" : "-" + option.getOpt() + ", ";
      String name = letter + "--" + option.getLongOpt() + argument;
      help.append(String.format("  %-26s %s%n", name, option.getDescription()));
    }
    return help.append(String.format("  %-26s %s%n", "--help", "this text")).toString();
  }

  private static String version() {
    String version = Main.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
