package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.Named;
import dev.cistern.server.cli.objects.ObjectException;
import dev.cistern.server.cli.objects.TablePrinter;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * A watch that prints objects and then their changes, until the server ends it, like {@code oc get
 * -w}.
 */
final class ObjectWatch {
  private final ApiClient server;
  private final Shown shown;
  private final PrintWriter out;

  ObjectWatch(ApiClient server, Shown shown, PrintWriter out) {
    this.server = server;
    this.shown = shown;
    this.out = out;
  }

  void run(List<Named> wanted) throws IOException {
    if (wanted.size() != 1) {
      throw new ObjectException("you may only specify a single resource type");
    }
    Named what = wanted.getFirst();
    ResourceType type = what.type();
    JsonNode first = shown.read(server, what);
    var printer = new TablePrinter(shown.style(type, false));
    if (what.isOne() || shown.isTable()) {
      print(printer, type, first);
    } else {
      first.path("items").forEach(object -> print(printer, type, object));
    }
    Map<String, String> parameters = shown.parameters();
    parameters.put("watch", "true");
    parameters.put("resourceVersion", version(first));
    if (what.isOne()) {
      parameters.put("fieldSelector", "metadata.name=" + what.name());
    }
    server.watch(
        type,
        shown.namespace(),
        parameters,
        shown.isTable(),
        event -> {
          if (event.path("type").asString("").equals("ERROR")) {
            throw StatusException.of(event.path("object"), "");
          }
          print(printer, type, event.path("object"));
        });
  }

  /** Returns the resource version from which to watch. */
  private static String version(JsonNode answer) {
    String version = answer.path("metadata").path("resourceVersion").asString("");
    JsonNode row = answer.path("rows").path(0).path("object").path("metadata");
    return version.isEmpty() ? row.path("resourceVersion").asString("0") : version;
  }

  private void print(TablePrinter printer, ResourceType type, JsonNode object) {
    out.print(shown.isTable() ? printer.print(List.of(object)) : shown.text(type, object));
    out.flush();
  }
}
