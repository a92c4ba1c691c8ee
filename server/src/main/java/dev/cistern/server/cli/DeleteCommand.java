package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.Named;
import dev.cistern.server.cli.objects.ObjectException;
import dev.cistern.server.cli.objects.Quoted;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;

/** The {@code delete} command, which deletes objects like {@code oc delete}. */
final class DeleteCommand implements Command {
  private static final String IGNORE = "ignore-not-found";

  @Override
  public String name() {
    return "delete";
  }

  @Override
  public String summary() {
    return "deletes objects";
  }

  @Override
  public String operands() {
    return "[KIND/NAME...]";
  }

  @Override
  public Options options() {
    return AdminClient.connectionOptions()
        .addOption(Namespace.ofObjects())
        .addOption(FileOptions.option())
        .addOption(Flags.flag(IGNORE, "it is no error if an object is not there"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    boolean ignoresMissing = Flags.isOn(line, IGNORE);
    boolean hasFiles = line.hasOption(FileOptions.FILENAME);
    if (hasFiles == !line.getArgList().isEmpty()) {
      throw new ObjectException(
          hasFiles
              ? "when paths, URLs, or stdin is provided as input, you may not specify resource"
                  + " arguments as well"
              : "You must provide one or more resources by argument or filename.");
    }
    ApiClient server = ApiClient.of(line);
    if (hasFiles) {
      FileOptions.Doing doing =
          one -> deleted(server, one.type(), one.namespace(), one.name(), ignoresMissing);
      return FileOptions.forEach(line, server, "deleting", doing, out, err);
    }
    return named(line, server, ignoresMissing, out, err);
  }

  private static int named(
      CommandLine line, ApiClient server, boolean ignoresMissing, PrintWriter out, PrintWriter err)
      throws IOException {
    List<Named> wanted = Named.parse(line.getArgList(), server.kinds());
    if (!wanted.stream().allMatch(Named::isOne)) {
      throw new ObjectException("resource(s) were provided, but no name was specified");
    }
    boolean isComplete = true;
    for (Named one : wanted) {
      try {
        String namespace = one.type().isNamespaced() ? Namespace.orDefault(line) : "";
        String told = deleted(server, one.type(), namespace, one.name(), ignoresMissing);
        out.print(told.isEmpty() ? "" : told + "\n");
      } catch (StatusException e) {
        isComplete = false;
        out.flush();
        err.println(e.line());
      }
    }
    out.flush();
    return isComplete ? 0 : 1;
  }

  /**
   * Deletes an object, and returns the message for the user. The message is "" if the object was
   * missing and {@code ignoresMissing} is set.
   */
  private static String deleted(
      ApiClient server, ResourceType type, String namespace, String name, boolean ignoresMissing)
      throws IOException {
    try {
      server.delete(type, namespace, name);
    } catch (StatusException e) {
      if (ignoresMissing && e.is("NotFound")) {
        return "";
      }
      throw e;
    }
    String from = namespace.isEmpty() ? "" : " from " + namespace + " namespace";
    return Named.kind(type) + " " + Quoted.of(name) + " deleted" + from;
  }
}
