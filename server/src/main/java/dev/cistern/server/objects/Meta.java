package dev.cistern.server.objects;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The metadata of objects (API conventions, "Metadata"). */
public final class Meta {
  /** Maximum number of levels of an object. Deeper objects can be neither listed nor read again. */
  static final int DEEPEST = 400;

  /** Maximum length of a field name in characters. Much longer names cannot be read again. */
  private static final int LONGEST_NAME = 1_000;

  private static final int SHOWN = 32;

  /** Maximum length of an object's annotations, names and values together. */
  static final int MAX_ANNOTATIONS_BYTES = 256 << 10;

  private Meta() {}

  /** Returns the number of levels of a value, 0 for a scalar. */
  static int depth(JsonNode value) {
    int deepest = 0;
    for (JsonNode member : value) {
      deepest = Math.max(deepest, 1 + depth(member));
    }
    return value.isContainer() ? Math.max(deepest, 1) : 0;
  }

  /**
   * Refuses an object that could be stored, but not read again.
   *
   * @throws ApiException if the object is nested too deep, or a field name is too long
   */
  static void requireReadable(JsonNode object) {
    if (depth(object) > DEEPEST) {
      throw ApiException.badRequest("the object is nested deeper than " + DEEPEST + " levels");
    }
    requireNames(object);
  }

  /**
   * Refuses annotations that are longer than Kubernetes allows.
   *
   * @throws ApiException if names and values together have more than 256 KiB
   */
  public static void requireAnnotations(ResourceType type, JsonNode object) {
    long bytes = 0;
    for (Map.Entry<String, String> one : map(object, "annotations").entrySet()) {
      bytes += one.getKey().getBytes(UTF_8).length + one.getValue().getBytes(UTF_8).length;
    }
    if (bytes > MAX_ANNOTATIONS_BYTES) {
      FieldError tooLong = FieldError.tooLong("metadata.annotations", MAX_ANNOTATIONS_BYTES);
      throw ApiException.invalid(type, name(object), List.of(tooLong));
    }
  }

  private static void requireNames(JsonNode value) {
    for (String name : value.propertyNames()) {
      if (name.length() > LONGEST_NAME) {
        throw ApiException.badRequest(
            "the name of a field has %d characters, at most %d are stored: %s..."
                .formatted(name.length(), LONGEST_NAME, name.substring(0, SHOWN)));
      }
    }
    value.forEach(Meta::requireNames);
  }

  /** Returns the metadata, which is created if it is missing. */
  public static ObjectNode of(ObjectNode object) {
    return object.get("metadata") instanceof ObjectNode metadata
        ? metadata
        : object.putObject("metadata");
  }

  /** Returns the annotations in metadata, which are created if they are missing. */
  public static ObjectNode annotations(ObjectNode metadata) {
    return metadata.get("annotations") instanceof ObjectNode annotations
        ? annotations
        : metadata.putObject("annotations");
  }

  /** Returns a text of the metadata, "" if it is missing. */
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

  /** Returns a time in the form of the API: RFC 3339, in seconds. */
  public static String time(Instant time) {
    return time.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  /** Parses a time of an object. Returns 1970-01-01T00:00:00Z if the text is not a time. */
  public static Instant instant(String text) {
    try {
      return OffsetDateTime.parse(text).toInstant();
    } catch (DateTimeException e) {
      return Instant.EPOCH;
    }
  }

  /** Returns an object of a type with kind and version only. */
  public static ObjectNode empty(ResourceType type) {
    return JsonMapper.shared()
        .createObjectNode()
        .put("kind", type.kind())
        .put("apiVersion", type.apiVersion());
  }

  /** Returns the object with kind, version and metadata first, the order that users expect. */
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
