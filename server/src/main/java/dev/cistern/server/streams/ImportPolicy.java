package dev.cistern.server.streams;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The import policy of a tag.
 *
 * @param insecure whether plain HTTP and unverified certificates are accepted
 * @param scheduled whether the tag is imported periodically
 */
public record ImportPolicy(boolean insecure, boolean scheduled, ImportMode mode) {
  /** The default policy: one import, over verified TLS. */
  public static final ImportPolicy USUAL = new ImportPolicy(false, false, ImportMode.LEGACY);

  /** Parses {@code importPolicy}; an unknown mode counts as the default mode. */
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
