package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.GoDuration;
import dev.cistern.server.cli.objects.ObjectException;
import dev.cistern.server.cli.objects.Sizes;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.commons.cli.CommandLine;
import org.apache.commons.cli.Options;
import org.apache.commons.cli.ParseException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The {@code prune} command, which removes content that image streams no longer need, like {@code
 * oc adm prune images}.
 */
final class PruneCommand implements Command {
  private static final String KEEP_YOUNGER = "keep-younger-than";
  private static final String KEEP_REVISIONS = "keep-tag-revisions";
  private static final String CONFIRM = "confirm";

  @Override
  public String name() {
    return "prune";
  }

  @Override
  public String summary() {
    return "removes old images that no image stream needs; without --confirm only says which";
  }

  @Override
  public Options options() {
    return AdminClient.options()
        .addOption(
            ConfigOptions.option(
                KEEP_YOUNGER, "TIME", "keeps what is younger, such as 1h30m (default 60m)"))
        .addOption(
            ConfigOptions.option(
                KEEP_REVISIONS, "N", "keeps so many images of each tag (default 3)"))
        .addOption(
            Namespace.named("only the image streams there, and images of no others (default all)"))
        .addOption(Flags.flag(CONFIRM, "remove them, not only say which"));
  }

  @Override
  public int run(CommandLine line, PrintWriter out, PrintWriter err)
      throws IOException, ParseException {
    boolean isJson = Output.isJson(line);
    boolean isTrial = !Flags.isOn(line, CONFIRM);
    ObjectNode order = order(line).put("confirm", !isTrial);
    AdminClient server = AdminClient.of(line);
    if (isTrial) {
      err.println(
          "Dry run enabled - no modifications will be made. Add --confirm to remove images");
    }
    JsonNode answer = server.ask(Ask.send("POST", "/admin/prune", order).patient(Duration.ZERO));
    if (isJson) {
      out.println(answer);
      return 0;
    }
    for (JsonNode one : answer.path("done")) {
      out.println(told(one));
    }
    out.println("Summary: " + summary(answer));
    return 0;
  }

  private static ObjectNode order(CommandLine line) {
    ObjectNode order = JsonMapper.shared().createObjectNode();
    if (line.hasOption(KEEP_YOUNGER)) {
      Duration time = GoDuration.parse(line.getOptionValue(KEEP_YOUNGER));
      if (time.isNegative()) {
        throw new ObjectException("--keep-younger-than must be greater than or equal to 0");
      }
      order.put("keepYoungerThanSeconds", time.toSeconds());
    }
    if (line.hasOption(KEEP_REVISIONS)) {
      order.put("keepTagRevisions", revisions(line.getOptionValue(KEEP_REVISIONS)));
    }
    Namespace.of(line).ifPresent(name -> order.put(Namespace.KEY, name));
    return order;
  }

  private static int revisions(String text) {
    try {
      int number = Integer.parseInt(text);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // not a number, rejected below like a negative one
    }
    throw new ObjectException("--keep-tag-revisions must be greater than or equal to 0");
  }

  private static String told(JsonNode one) {
    String digest = one.path("digest").asString("");
    return switch (one.path("kind").asString("")) {
      case "items" ->
          "Deleting %d items from image stream %s"
              .formatted(one.path("count").asInt(), one.path("stream").asString(""));
      case "manifest" ->
          "Deleting manifest link "
              + digest
              + " in repository "
              + one.path("repository").asString();
      case "blob" -> "Deleting blob " + digest + freed(one);
      default -> "Deleting image " + digest + freed(one);
    };
  }

  private static String freed(JsonNode one) {
    long bytes = one.path("bytes").asLong(0);
    return bytes == 0 ? "" : " (" + Sizes.human(bytes) + ")";
  }

  private static String summary(JsonNode answer) {
    JsonNode summary = answer.path("summary");
    int manifests = count(answer, "manifest");
    var parts = new ArrayList<String>();
    part(parts, "deleted", summary.path("images").asInt(), "image object(s)");
    part(parts, "deleted", summary.path("items").asInt(), "image stream tag item(s)");
    part(parts, "updated", count(answer, "items"), "image stream(s)");
    part(parts, "deleted", summary.path("links").asInt() - manifests, "layer link(s)");
    part(parts, "deleted", manifests, "manifest link(s)");
    part(parts, "deleted", summary.path("blobs").asInt(), "blob(s)");
    long bytes = summary.path("bytes").asLong(0);
    if (bytes > 0) {
      parts.add("freed " + Sizes.human(bytes));
    }
    return parts.isEmpty() ? "deleted 0 objects" : String.join(", ", parts);
  }

  private static int count(JsonNode answer, String kind) {
    int count = 0;
    for (JsonNode one : answer.path("done")) {
      count += one.path("kind").asString("").equals(kind) ? 1 : 0;
    }
    return count;
  }

  private static void part(List<String> parts, String did, int count, String what) {
    if (count > 0) {
      parts.add(did + " " + count + " " + what);
    }
  }
}
