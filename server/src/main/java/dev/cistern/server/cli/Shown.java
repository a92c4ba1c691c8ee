package dev.cistern.server.cli;

import dev.cistern.server.cli.objects.Named;
import dev.cistern.server.cli.objects.ObjectText;
import dev.cistern.server.cli.objects.TableStyle;
import dev.cistern.server.cli.objects.YamlText;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * The selection and format of objects that {@code get} shows.
 *
 * @param namespace the namespace; "" for all
 */
record Shown(
    String namespace, String selector, String format, boolean hasLabels, boolean ignoresMissing) {
  boolean isTable() {
    return format.isEmpty() || format.equals("wide");
  }

  Map<String, String> parameters() {
    var parameters = new LinkedHashMap<String, String>();
    if (!selector.isEmpty()) {
      parameters.put("labelSelector", selector);
    }
    return parameters;
  }

  JsonNode read(ApiClient server, Named what) throws IOException {
    return server.read(what.type(), namespace, what.name(), parameters(), isTable());
  }

  /**
   * Returns the style of the table of a kind. If several kinds are shown, names are prefixed with
   * the kind.
   */
  TableStyle style(ResourceType type, boolean hasKind) {
    return new TableStyle(
        hasKind ? Named.kind(type) : "",
        namespace.isEmpty() && type.isNamespaced(),
        format.equals("wide"),
        hasLabels);
  }

  /** Returns an object in one of the formats other than tables. */
  String text(ResourceType type, JsonNode object) {
    return switch (format) {
      case "json" -> ObjectText.json(object);
      case "yaml" -> YamlText.of(object);
      default -> Named.of(type, Meta.name(object)) + "\n";
    };
  }
}
