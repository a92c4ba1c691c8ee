package dev.cistern.server.streams;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * A spec tag of a stream, which is the desired state of a tag.
 *
 * @param from the source of the tag; empty for a pushed tag
 * @param isReference whether the tag only refers to its source and is never imported
 * @param generation the generation of the stream that set it; 0 requests another import
 * @param isLocal whether the image is pulled through this registry instead of from its source
 */
public record SpecTag(
    String name,
    Map<String, String> annotations,
    Optional<SourceReference> from,
    boolean isReference,
    OptionalLong generation,
    ImportPolicy importPolicy,
    boolean isLocal) {
  private static final String LOCAL = "Local";
  private static final String SOURCE = "Source";

  public SpecTag {
    annotations = Map.copyOf(annotations);
  }

  /** Parses one item of {@code spec.tags}. */
  public static SpecTag of(JsonNode json) {
    var annotations = new LinkedHashMap<String, String>();
    json.path("annotations")
        .properties()
        .forEach(entry -> annotations.put(entry.getKey(), entry.getValue().asString("")));
    return new SpecTag(
        json.path("name").asString(""),
        annotations,
        SourceReference.of(json.path("from")),
        json.path("reference").asBoolean(false),
        json.path("generation").isNumber()
            ? OptionalLong.of(json.path("generation").longValue())
            : OptionalLong.empty(),
        ImportPolicy.of(json.path("importPolicy")),
        isLocal(json));
  }

  /** Returns whether the {@code referencePolicy} is to pull through this registry. */
  static boolean isLocal(JsonNode json) {
    return json.path("referencePolicy").path("type").asString("").equals(LOCAL);
  }

  /** Returns this tag as an item of {@code spec.tags}. */
  public ObjectNode json() {
    ObjectNode json = JsonMapper.shared().createObjectNode().put("name", name);
    if (annotations.isEmpty()) {
      json.putNull("annotations");
    } else {
      ObjectNode map = json.putObject("annotations");
      annotations.keySet().stream().sorted().forEach(key -> map.put(key, annotations.get(key)));
    }
    from.ifPresent(source -> json.set("from", source.json()));
    if (isReference) {
      json.put("reference", true);
    }
    generation.ifPresentOrElse(
        number -> json.put("generation", number), () -> json.putNull("generation"));
    json.set("importPolicy", importPolicy.json());
    json.putObject("referencePolicy").put("type", isLocal ? LOCAL : SOURCE);
    return json;
  }

  /** Returns this tag with another generation. */
  SpecTag at(long number) {
    return with(OptionalLong.of(number));
  }

  SpecTag with(OptionalLong number) {
    return new SpecTag(name, annotations, from, isReference, number, importPolicy, isLocal);
  }

  SpecTag with(ImportPolicy policy) {
    return new SpecTag(name, annotations, from, isReference, generation, policy, isLocal);
  }

  /** Returns the pull spec to import this tag from, if it is imported. */
  Optional<String> importedFrom() {
    return isReference
        ? Optional.empty()
        : from.filter(SourceReference::isDockerImage)
            .map(SourceReference::name)
            .filter(text -> !text.isEmpty());
  }
}
