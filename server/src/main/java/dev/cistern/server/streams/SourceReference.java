package dev.cistern.server.streams;

import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a tag comes from.
 *
 * @param kind as it is written; {@link #DOCKER_IMAGE} and the others here if it can be meant
 * @param namespace of another stream; empty for the tag's own
 */
public record SourceReference(String kind, String namespace, String name) {
  public static final String DOCKER_IMAGE = "DockerImage";
  public static final String STREAM_TAG = "ImageStreamTag";
  public static final String STREAM_IMAGE = "ImageStreamImage";

  static Optional<SourceReference> of(JsonNode json) {
    return json.isObject()
        ? Optional.of(
            new SourceReference(
                json.path("kind").asString(""),
                json.path("namespace").asString(""),
                json.path("name").asString("")))
        : Optional.empty();
  }

  ObjectNode json() {
    ObjectNode json = JsonMapper.shared().createObjectNode().put("kind", kind);
    if (!namespace.isEmpty()) {
      json.put("namespace", namespace);
    }
    return json.put("name", name);
  }

  boolean isDockerImage() {
    return kind.equals(DOCKER_IMAGE);
  }

  /**
   * Splits the name of a tag or image of a stream.
   *
   * @param stream that is meant where only a tag or a digest is written
   * @return name of the stream, and tag or digest; empty if it is neither
   */
  Optional<InStream> inStream(String stream) {
    String separator = kind.equals(STREAM_TAG) ? ":" : "@";
    String[] parts = name.split(separator, -1);
    return switch (parts.length) {
      case 1 -> Optional.of(new InStream(stream, name));
      case 2 -> Optional.of(new InStream(parts[0], parts[1]));
      default -> Optional.empty();
    };
  }

  /** A tag or an image of a stream. */
  record InStream(String stream, String item) {}
}
