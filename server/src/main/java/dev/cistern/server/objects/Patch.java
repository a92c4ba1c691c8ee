package dev.cistern.server.objects;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.oci.HostileJson;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/** A change of an object that leaves unnamed parts as they are. */
public sealed interface Patch permits JsonPatch, MergePatch, StrategicPatch {
  /** The media types of patches in requests. */
  Set<String> MEDIA_TYPES =
      Set.of(
          JsonPatch.MEDIA_TYPE,
          MergePatch.MEDIA_TYPE,
          StrategicPatch.MEDIA_TYPE,
          StrategicPatch.APPLY_MEDIA_TYPE);

  /**
   * Returns the changed object. The given one stays unchanged.
   *
   * @throws ApiException if the patch cannot be applied to it
   */
  JsonNode apply(JsonNode object);

  /**
   * Parses the body of a PATCH.
   *
   * @throws ApiException if the body is not a patch of that media type
   */
  static Patch parse(String mediaType, byte[] body) {
    JsonNode json;
    try {
      json = HostileJson.OBJECTS.readTree(new String(body, UTF_8));
    } catch (JacksonException e) {
      throw ApiException.badRequest("the patch is not JSON: " + e.getOriginalMessage());
    }
    return switch (mediaType) {
      case JsonPatch.MEDIA_TYPE -> JsonPatch.of(json);
      case MergePatch.MEDIA_TYPE -> new MergePatch(json);
      case StrategicPatch.MEDIA_TYPE, StrategicPatch.APPLY_MEDIA_TYPE -> StrategicPatch.of(json);
      default ->
          throw new ApiException(
              ApiException.Reason.UNSUPPORTED_MEDIA_TYPE,
              "the body of the request was in an unknown format - accepted media types include: "
                  + String.join(", ", MEDIA_TYPES.stream().sorted().toList()));
    };
  }
}
