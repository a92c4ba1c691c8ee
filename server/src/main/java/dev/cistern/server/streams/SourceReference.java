package dev.cistern.server.streams;

import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The source of a tag.
 *
 * @param kind the kind as written; only {@link #DOCKER_IMAGE}, {@link #STREAM_TAG} and {@link
 *     #STREAM_IMAGE} are valid
 * @param namespace the namespace of another stream; empty for the tag's own
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
   * @param stream the default stream of a name that is only a tag or a digest
   * @return the name of the stream, and the tag or digest; empty if the name has several separators
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
