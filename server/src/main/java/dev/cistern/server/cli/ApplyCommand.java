package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.server.cli.objects.LastApplied;
import dev.cistern.server.cli.objects.Placed;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.Patch;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Optional;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code apply} command, which creates or updates objects from files like {@code oc apply}.
 * Fields that were never in a file stay unchanged.
 */
final class ApplyCommand implements Command {
  private static final String STRATEGIC = "application/strategic-merge-patch+json";
  private static final int MOST_TRIES = 5;

  @Override
  public String name() {
    return "apply";
  }

  @Override
  public String summary() {
    return "makes objects, or makes them what files say";
  }

  @Override
  public Options options() {
    return AdminClient.connectionOptions()
        .addOption(Namespace.ofObjects())
        .addOption(FileOptions.option());
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    if (!line.hasOption(FileOptions.FILENAME)) {
      throw new ParseException("must specify -f");
    }
    ApiClient server = ApiClient.of(line);
    return FileOptions.forEach(line, server, "applying", one -> applied(server, one), out, err);
  }

  private static String applied(ApiClient server, Placed wanted) throws IOException {
    for (int i = 1; true; i++) {
      try {
        return wanted + " " + appliedOnce(server, wanted);
      } catch (StatusException e) {
        if (!e.is("Conflict") || i == MOST_TRIES) {
          throw e;
        }
      }
    }
  }

  private static String appliedOnce(ApiClient server, Placed wanted) throws IOException {
    Optional<ObjectNode> before = present(server, wanted);
    if (before.isEmpty()) {
      server.create(wanted.type(), wanted.namespace(), LastApplied.noted(wanted.object()));
      return "created";
    }
    ObjectNode now = before.get();
    String changes = LastApplied.patch(now, wanted.object()).toString();
    Patch patch = Patch.parse(STRATEGIC, changes.getBytes(UTF_8));
    if (!(patch.apply(now) instanceof ObjectNode next) || next.equals(now)) {
      return "unchanged";
    }
    ObjectNode after = server.replace(wanted.type(), wanted.namespace(), next);
    return Meta.resourceVersion(after).equals(Meta.resourceVersion(now))
        ? "unchanged"
        : "configured";
  }

  private static Optional<ObjectNode> present(ApiClient server, Placed wanted) throws IOException {
    try {
      return Optional.of(server.get(wanted.type(), wanted.namespace(), wanted.name()));
    } catch (StatusException e) {
      if (e.is("NotFound")) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
