package dev.cistern.server.objects;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The metadata of objects (API conventions, "Metadata"). */
public final class Meta {
  /** How many levels an object may have; what has more can be neither listed nor read again. */
  static final int DEEPEST = 400;

  private Meta() {}

  /** Returns how many levels a value has; 0 for one that has no others in it. */
  static int depth(JsonNode value) {
    int deepest = 0;
    for (JsonNode member : value) {
      deepest = Math.max(deepest, 1 + depth(member));
    }
    return value.isContainer() ? Math.max(deepest, 1) : 0;
  }

  /** Returns the metadata, made if there is none. */
  public static ObjectNode of(ObjectNode object) {
    return object.get("metadata") instanceof ObjectNode metadata
        ? metadata
        : object.putObject("metadata");
  }

  /** Returns a text of the metadata, "" if it is not there. */
  public static String text(JsonNode object, String key) {
    return object.path("metadata").path(key).asString("");
  }

  public static String name(JsonNode object) {
    return text(object, "name");
  }

  public static String namespace(JsonNode object) {
    return text(object, "namespace");
  }

  public static String resourceVersion(JsonNode object) {
    return text(object, "resourceVersion");
  }

  /** Returns labels or annotations. */
  public static Map<String, String> map(JsonNode object, String key) {
    var map = new LinkedHashMap<String, String>();
    object
        .path("metadata")
        .path(key)
        .properties()
        .forEach(entry -> map.put(entry.getKey(), entry.getValue().asString("")));
    return map;
  }

  /** Returns a time as the API has it: RFC 3339, in seconds. */
  public static String time(Instant time) {
    return time.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  /** Returns an object of that type without anything in it. */
  public static ObjectNode empty(ResourceType type) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("kind", type.kind())
        .put("apiVersion", type.apiVersion());
  }

  /** Returns the object with kind, version and metadata before all else, as people expect it. */
  public static ObjectNode ordered(ResourceType type, ObjectNode object) {
    ObjectNode ordered = empty(type);
    ordered.set("metadata", of(object));
    object
        .properties()
        .forEach(entry -> {
          if (!ordered.has(entry.getKey())) {
            ordered.set(entry.getKey(), entry.getValue());
          }
        });
    return ordered;
  }
}
