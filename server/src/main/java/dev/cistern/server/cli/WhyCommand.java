package dev.cistern.server.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Map;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;

/**
 * The {@code why} command, which shows where an image would be pulled from, and whether it is
 * cached.
 */
final class WhyCommand implements Command {
  @Override
  public String name() {
    return "why";
  }

  @Override
  public String summary() {
    return "says where an image would be pulled from, by which rule, and what is here of it";
  }

  @Override
  public String operands() {
    return "REF";
  }

  @Override
  public Options options() {
    return AdminClient.options();
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    boolean isJson = Output.isJson(line);
    JsonNode why =
        AdminClient.of(line).get("/admin/why", Map.of("ref", line.getArgList().getFirst()));
    if (isJson) {
      out.println(why);
      return 0;
    }
    out.println("repository: " + why.path("repository").asString());
    out.println("rule: " + why.path("rule").asString());
    out.println("here: " + here(why.path("here")));
    if (why.path("pinned").asBoolean()) {
      out.println("pinned: it is not evicted");
    }
    int number = 1;
    for (JsonNode source : why.path("sources")) {
      out.println(
          "source "
              + number++
              + ": "
              + source.path("repository").asString()
              + " at "
              + source.path("endpoint").asString()
              + ", credentials "
              + source.path("credentials").asString()
              + (source.has("outage") ? ", out: " + source.path("outage").asString() : "")
              + last(source.path("last")));
    }
    return 0;
  }

  private static String last(JsonNode last) {
    return last.isMissingNode()
        ? ""
        : ", last asked " + last.path("when").asString() + ": " + last.path("outcome").asString();
  }

  private static String here(JsonNode here) {
    if (here.isMissingNode()) {
      return "no";
    }
    String text = here.path("digest").asString() + ", " + here.path("origin").asString();
    String checked = here.path("checked").asString("");
    String fresh = here.path("freshUntil").asString("");
    return text
        + (checked.isEmpty() ? "" : ", checked " + checked)
        + (fresh.isEmpty() ? "" : ", fresh until " + fresh);
  }
}
