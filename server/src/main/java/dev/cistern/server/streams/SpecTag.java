package dev.cistern.server.streams;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What a tag of a stream is to be.
 *
 * @param from what it comes from; empty for what is pushed
 * @param isReference whether it points there for good and is never imported
 * @param generation of the stream when it was set; 0 to have it imported again
 * @param isLocal whether it is pulled through this registry rather than from its source
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

  /** Reads one of {@code spec.tags}. */
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

  /** Says whether the {@code referencePolicy} is to pull through this registry. */
  static boolean isLocal(JsonNode json) {
    return json.path("referencePolicy").path("type").asString("").equals(LOCAL);
  }

  /** Returns it as one of {@code spec.tags}. */
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

  /** Returns the same of another generation. */
  SpecTag at(long number) {
    return with(OptionalLong.of(number));
  }

  SpecTag with(OptionalLong number) {
    return new SpecTag(name, annotations, from, isReference, number, importPolicy, isLocal);
  }

  SpecTag with(ImportPolicy policy) {
    return new SpecTag(name, annotations, from, isReference, generation, policy, isLocal);
  }

  /** Returns the image that it is imported from, if it is to be imported. */
  Optional<String> importedFrom() {
    return isReference
        ? Optional.empty()
        : from.filter(SourceReference::isDockerImage)
            .map(SourceReference::name)
            .filter(text -> !text.isEmpty());
  }
}
