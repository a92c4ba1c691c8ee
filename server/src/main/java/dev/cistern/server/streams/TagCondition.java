package dev.cistern.server.streams;

import dev.cistern.server.objects.Meta;
import java.time.Instant;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The failure of a tag's import, with its reason. Only failures are stored. */
public record TagCondition(String reason, String message, long generation, Instant since) {
  static final String IMPORT_SUCCESS = "ImportSuccess";

  static TagCondition of(JsonNode json) {
    return new TagCondition(
        json.path("reason").asString(""),
        json.path("message").asString(""),
        json.path("generation").asLong(0),
        Meta.instant(json.path("lastTransitionTime").asString("")));
  }

  ObjectNode json() {
    return JsonMapper.shared()
        .createObjectNode()
        .put("type", IMPORT_SUCCESS)
        .put("status", "False")
        .put("lastTransitionTime", Meta.time(since))
        .put("reason", reason)
        .put("message", message)
        .put("generation", generation);
  }

  /** Returns this condition with another time of the last transition. */
  TagCondition since(Instant other) {
    return new TagCondition(reason, message, generation, other);
  }

  /** Returns whether another condition has the same reason and message. */
  boolean isLike(TagCondition other) {
    return reason.equals(other.reason) && message.equals(other.message);
  }
}
