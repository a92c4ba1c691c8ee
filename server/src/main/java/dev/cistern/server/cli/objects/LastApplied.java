package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Meta;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The content of a file at the last {@code apply}, which is kept in {@code kubectl}'s annotation.
 * Fields that are no longer in the file are removed, and fields that others have set stay.
 */
public final class LastApplied {
  private static final String KEY = "kubectl.kubernetes.io/last-applied-configuration";

  /** Paths of the lists whose items are identified by a key, with these keys. */
  private static final Map<String, String> LISTS =
      Map.of("spec.tags", "name", "secrets", "name", "imagePullSecrets", "name");

  private LastApplied() {}

  /** Returns an object from a file, with its content in the annotation. */
  public static ObjectNode noted(ObjectNode wanted) {
    ObjectNode said = wanted.deepCopy();
    annotations(said).remove(KEY);
    ObjectNode noted = said.deepCopy();
    annotations(noted).put(KEY, ObjectText.sorted(said) + "\n");
    return noted;
  }

  /**
   * Returns the strategic merge patch that updates an object to the content of a file.
   *
   * @param now the current object
   */
  public static ObjectNode patch(ObjectNode now, ObjectNode wanted) {
    ObjectNode patch = noted(wanted);
    removeFields("", last(now), patch, now);
    return patch;
  }

  private static ObjectNode annotations(ObjectNode object) {
    return Meta.of(object).get("annotations") instanceof ObjectNode annotations
        ? annotations
        : Meta.of(object).putObject("annotations");
  }

  private static JsonNode last(ObjectNode now) {
    try {
      return JsonMapper.shared().readTree(Meta.map(now, "annotations").getOrDefault(KEY, "{}"));
    } catch (JacksonException e) {
      return JsonMapper.shared().createObjectNode(); // written by another program, unknown
    }
  }

  private static void removeFields(String path, JsonNode last, ObjectNode patch, JsonNode now) {
    for (Map.Entry<String, JsonNode> field : last.properties()) {
      String name = field.getKey();
      String place = path.isEmpty() ? name : path + "." + name;
      JsonNode wanted = patch.path(name);
      if (!now.has(name)) {
        continue;
      }
      if (wanted.isMissingNode()) {
        patch.putNull(name);
      } else if (wanted instanceof ObjectNode object) {
        removeFields(place, field.getValue(), object, now.path(name));
      } else if (wanted instanceof ArrayNode items && LISTS.containsKey(place)) {
        removeItems(place, field.getValue(), items, now.path(name));
      }
    }
  }

  private static void removeItems(String path, JsonNode last, ArrayNode items, JsonNode now) {
    String key = String.valueOf(LISTS.get(path));
    for (JsonNode before : last) {
      JsonNode name = before.path(key);
      JsonNode there = item(now, key, name);
      JsonNode wanted = item(items, key, name);
      if (wanted instanceof ObjectNode object) {
        removeFields(path, before, object, there);
      } else if (there.isObject()) {
        items.addObject().put("$patch", "delete").set(key, name);
      }
    }
  }

  private static JsonNode item(JsonNode items, String key, JsonNode name) {
    for (JsonNode item : items) {
      if (item.path(key).equals(name)) {
        return item;
      }
    }
    return JsonMapper.shared().missingNode();
  }
}
