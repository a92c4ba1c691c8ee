package dev.cistern.server.api;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.ImageStream;
import dev.cistern.server.streams.SpecTag;
import dev.cistern.server.streams.TagEvent;
import dev.cistern.server.streams.TagHistory;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** The views of a stream's tags and images as separate objects. */
final class StreamViews {
  static final ResourceType TAG =
      ResourceType.namespaced(
          "image.openshift.io", "v1", "imagestreamtags", "ImageStreamTag", "istag");
  static final ResourceType IMAGE_TAG =
      ResourceType.namespaced("image.openshift.io", "v1", "imagetags", "ImageTag", "itag");
  static final ResourceType STREAM_IMAGE =
      ResourceType.namespaced(
          "image.openshift.io", "v1", "imagestreamimages", "ImageStreamImage", "isimage");

  private final ClusterObjects objects;

  StreamViews(ClusterObjects objects) {
    this.objects = objects;
  }

  /** Returns an image; empty if the digest is "" or the image is not stored. */
  Optional<ObjectNode> image(String digest) {
    return digest.isEmpty() ? Optional.empty() : objects.get(Kinds.IMAGE, "", digest);
  }

  /**
   * Returns an {@code ImageStreamTag}.
   *
   * @param isWhole whether the image is shown with all its metadata
   * @param isPending whether a tag without an image is shown too
   * @throws ApiException if the tag has no image and {@code isPending} is false
   */
  ObjectNode tag(
      ImageStream stream, String tag, String registry, boolean isWhole, boolean isPending) {
    Optional<TagEvent> latest =
        stream.latest(tag).filter(event -> isPending || !event.image().isEmpty());
    if (latest.isEmpty() && !isPending) {
      throw ApiException.notFound(TAG, stream.name() + ":" + tag);
    }
    ObjectNode json = Meta.empty(TAG);
    ObjectNode metadata = named(json, stream, tag);
    metadata.put(
        "creationTimestamp",
        latest.map(event -> Meta.time(event.created())).orElse(text(stream, "creationTimestamp")));
    SpecTag spec = stream.tags().get(tag);
    Map<String, String> annotations = spec == null ? Map.of() : spec.annotations();
    if (spec != null) {
      json.set("tag", spec.json());
      annotate(metadata, annotations);
    } else {
      json.putNull("tag");
    }
    json.put("generation", latest.map(TagEvent::generation).orElse(0L));
    json.putObject("lookupPolicy").put("local", stream.isLookedUp());
    JsonNode conditions = stream.history(tag).json(tag).path("conditions");
    if (!conditions.isMissingNode()) {
      json.set("conditions", conditions);
    }
    String digest = latest.map(TagEvent::image).orElse("");
    ObjectNode image = isWhole ? image(digest).orElseGet(() -> bare(digest)) : bare(digest);
    annotate(Meta.of(image), annotations);
    latest.ifPresent(
        event -> image.put("dockerImageReference", stream.pulled(tag, event, registry)));
    json.set("image", image);
    return json;
  }

  private static ObjectNode bare(String digest) {
    ObjectNode image = JsonMapper.shared().createObjectNode();
    ObjectNode metadata = image.putObject("metadata").putNull("creationTimestamp");
    if (!digest.isEmpty()) {
      metadata.put("name", digest);
    }
    image.putNull("dockerImageMetadata");
    image.putNull("dockerImageLayers");
    return image.put("dockerImageMetadataVersion", "1.0");
  }

  /** Returns an {@code ImageTag}. */
  ObjectNode imageTag(ImageStream stream, String tag, String registry, boolean isWhole) {
    ObjectNode json = Meta.empty(IMAGE_TAG);
    ObjectNode metadata = named(json, stream, tag);
    metadata.put(
        "creationTimestamp",
        stream
            .latest(tag)
            .map(event -> Meta.time(event.created()))
            .orElse(text(stream, "creationTimestamp")));
    SpecTag spec = stream.tags().get(tag);
    json.set("spec", spec == null ? null : spec.json());
    TagHistory history = stream.history(tag);
    json.set("status", history.isEmpty() ? null : history.json(tag));
    Optional<TagEvent> latest = stream.latest(tag);
    Optional<ObjectNode> image =
        isWhole ? latest.flatMap(event -> image(event.image())) : Optional.empty();
    image.ifPresentOrElse(
        found -> {
          latest.ifPresent(
              event -> found.put("dockerImageReference", stream.pulled(tag, event, registry)));
          json.set("image", found);
        },
        () -> json.putNull("image"));
    return json;
  }

  private static ObjectNode named(ObjectNode json, ImageStream stream, String tag) {
    ObjectNode metadata = json.putObject("metadata");
    metadata.put("name", stream.name() + ":" + tag).put("namespace", stream.namespace());
    for (String key : new String[] {"uid", "resourceVersion", "labels"}) {
      JsonNode value = stream.metadata().path(key);
      if (!value.isMissingNode()) {
        metadata.set(key, value.deepCopy());
      }
    }
    return metadata;
  }

  private static void annotate(ObjectNode metadata, Map<String, String> annotations) {
    if (annotations.isEmpty()) {
      return;
    }
    annotations.forEach(Meta.annotations(metadata)::put);
  }

  private static String text(ImageStream stream, String key) {
    return stream.metadata().path(key).asString("");
  }

  /** Returns an {@code ImageStreamImage}. */
  ObjectNode image(ImageStream stream, ObjectNode image, String id) {
    ObjectNode json = Meta.empty(STREAM_IMAGE);
    ObjectNode metadata = json.putObject("metadata");
    metadata.put("name", stream.name() + "@" + id).put("namespace", stream.namespace());
    metadata.put("uid", stream.uid());
    metadata.set("creationTimestamp", image.path("metadata").path("creationTimestamp"));
    json.set("image", image);
    return json;
  }
}
