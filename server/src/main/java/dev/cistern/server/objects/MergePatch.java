package dev.cistern.server.objects;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A JSON merge patch (RFC 7396). A null removes a member, an object is merged, any other value
 * replaces.
 */
record MergePatch(JsonNode patch) implements Patch {
  static final String MEDIA_TYPE = "application/merge-patch+json";

  @Override
  public JsonNode apply(JsonNode object) {
    return merge(object.deepCopy(), patch);
  }

  /** Merges the patch into the target, and returns the target or its replacement. */
  private static JsonNode merge(JsonNode target, JsonNode patch) {
    if (!(patch instanceof ObjectNode members)) {
      return patch.deepCopy();
    }
    ObjectNode merged =
        target instanceof ObjectNode object ? object : JsonMapper.shared().createObjectNode();
    for (var member : members.properties()) {
      if (member.getValue().isNull()) {
        merged.remove(member.getKey());
      } else {
        merged.set(member.getKey(), merge(merged.path(member.getKey()), member.getValue()));
      }
    }
    return merged;
  }
}
