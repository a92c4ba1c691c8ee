package dev.cistern.server.api;

import tools.jackson.databind.JsonNode;

/** The table cells of an {@code ImageTag}. */
final class ImageTagTable {
  private ImageTagTable() {}

  /** Returns how a tag receives its image, such as {@code Push} or {@code Track}. */
  static String spec(JsonNode tag) {
    JsonNode spec = tag.path("spec");
    JsonNode from = spec.path("from");
    long generation = spec.path("generation").asLong(0);
    long observed = item(tag).path("generation").asLong(0);
    boolean isPushed = generation > 0 && observed > generation;
    if (!spec.isObject() || !from.isObject()) {
      return item(tag).isObject() ? "Push" : "";
    } else if (isTracking(from)) {
      return "Track";
    } else if (isPushed) {
      return "Push";
    } else if (spec.path("importPolicy").path("scheduled").asBoolean(false)) {
      return "Scheduled";
    }
    return spec.path("reference").asBoolean(false) ? "Ref" : "Tag";
  }

  private static boolean isTracking(JsonNode from) {
    return from.path("kind").asString("").equals("ImageStreamTag")
        && !from.path("name").asString("").contains(":");
  }

  /** Returns the current image of a tag, its source, or the reason of a failed import. */
  static String status(JsonNode tag) {
    for (JsonNode condition : tag.path("status").path("conditions")) {
      return "ImportFailed (" + condition.path("reason").asString("") + ")";
    }
    JsonNode item = item(tag);
    long generation = tag.path("spec").path("generation").asLong(0);
    long observed = item.path("generation").asLong(0);
    if (generation > 0 && observed > 0 && observed < generation) {
      return "Importing";
    }
    String image = item.path("image").asString("");
    String reference = item.path("dockerImageReference").asString("");
    if (!image.isEmpty()) {
      return "image/" + image;
    }
    return reference.isEmpty() ? source(tag.path("spec").path("from")) : reference;
  }

  private static String source(JsonNode from) {
    String name = from.path("name").asString("");
    String namespace = from.path("namespace").asString("");
    return switch (from.path("kind").asString("")) {
      case "ImageStreamImage" -> "image/" + name.substring(name.indexOf('@') + 1);
      case "ImageStreamTag" ->
          namespace.isEmpty() ? "istag/" + name : "istag " + namespace + "/" + name;
      default -> name;
    };
  }

  static String history(JsonNode tag) {
    int size = tag.path("status").path("items").size();
    return size == 0 ? "" : Integer.toString(size);
  }

  private static JsonNode item(JsonNode tag) {
    return tag.path("status").path("items").path(0);
  }
}
