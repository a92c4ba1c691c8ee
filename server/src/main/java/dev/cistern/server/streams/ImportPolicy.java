package dev.cistern.server.streams;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * How a tag is imported.
 *
 * @param insecure whether plain HTTP and certificates that are not verified are good enough
 * @param scheduled whether it is imported again and again
 */
public record ImportPolicy(boolean insecure, boolean scheduled, ImportMode mode) {
  /** Once, securely. */
  public static final ImportPolicy USUAL = new ImportPolicy(false, false, ImportMode.LEGACY);

  /** Reads {@code importPolicy}; a mode that is none is the usual one. */
  static ImportPolicy of(JsonNode json) {
    return new ImportPolicy(
        json.path("insecure").asBoolean(false),
        json.path("scheduled").asBoolean(false),
        ImportMode.of(json.path("importMode").asString("")).orElse(ImportMode.LEGACY));
  }

  ObjectNode json() {
    ObjectNode json = JsonMapper.shared().createObjectNode();
    if (insecure) {
      json.put("insecure", true);
    }
    if (scheduled) {
      json.put("scheduled", true);
    }
    return json.put("importMode", mode.word());
  }
}
