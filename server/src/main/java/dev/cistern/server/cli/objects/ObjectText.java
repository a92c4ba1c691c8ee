package dev.cistern.server.cli.objects;

import java.util.Comparator;
import java.util.Map;
import java.util.stream.StreamSupport;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Objects as JSON in the format of {@code kubectl get}, with fields in alphabetical order. */
public final class ObjectText {
  private static final DefaultIndenter FOUR = new DefaultIndenter("    ", "\n");
  private static final DefaultPrettyPrinter PRETTY =
      new DefaultPrettyPrinter(
              Separators.createDefaultInstance()
                  .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                  .withObjectEmptySeparator("")
                  .withArrayEmptySeparator(""))
          .withObjectIndenter(FOUR)
          .withArrayIndenter(FOUR);

  private ObjectText() {}

  /** Returns a value as indented JSON. */
  public static String json(JsonNode value) {
    return JsonMapper.shared().writer().with(PRETTY).writeValueAsString(sorted(value)) + "\n";
  }

  /** Returns a value with the fields of all its objects in alphabetical order. */
  static JsonNode sorted(JsonNode value) {
    return switch (value) {
      case ObjectNode object -> {
        ObjectNode sorted = JsonMapper.shared().createObjectNode();
        object.properties().stream()
            .sorted(Map.Entry.comparingByKey(Comparator.naturalOrder()))
            .forEach(field -> sorted.set(field.getKey(), sorted(field.getValue())));
        yield sorted;
      }
      case ArrayNode array -> {
        ArrayNode sorted = JsonMapper.shared().createArrayNode();
        StreamSupport.stream(array.spliterator(), false)
            .map(ObjectText::sorted)
            .forEach(sorted::add);
        yield sorted;
      }
      default -> value;
    };
  }

  /** Returns a List of objects. */
  public static ObjectNode list(Iterable<? extends JsonNode> objects) {
    ObjectNode list = JsonMapper.shared().createObjectNode().put("kind", "List");
    list.put("apiVersion", "v1").putObject("metadata").put("resourceVersion", "");
    ArrayNode items = list.putArray("items");
    objects.forEach(items::add);
    return list;
  }
}
