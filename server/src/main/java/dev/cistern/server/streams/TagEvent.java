package dev.cistern.server.streams;

import dev.cistern.server.objects.Meta;
import java.time.Instant;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * An item of a tag's history.
 *
 * @param created the time since which the tag has this image
 * @param reference the pull spec of the image
 * @param image the digest of the image; empty for a tag that is only a reference
 * @param generation the generation of the stream
 */
public record TagEvent(Instant created, String reference, String image, long generation) {
  static TagEvent of(JsonNode json) {
    return new TagEvent(
        Meta.instant(json.path("created").asString("")),
        json.path("dockerImageReference").asString(""),
        json.path("image").asString(""),
        json.path("generation").asLong(0));
  }

  ObjectNode json() {
    return JsonMapper.shared()
        .createObjectNode()
        .put("created", Meta.time(created))
        .put("dockerImageReference", reference)
        .put("image", image)
        .put("generation", generation);
  }
}
