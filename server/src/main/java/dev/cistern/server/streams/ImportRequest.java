package dev.cistern.server.streams;

import dev.cistern.oci.Tag;
import dev.cistern.server.objects.Meta;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * An import into a stream.
 *
 * @param uid the uid that the stream must have; "" for any
 * @param revision the resource version that the stream must have; "" for any
 * @param images the single images to import
 * @param repository the repository whose tags are all imported
 * @param isKept whether the results are stored
 */
record ImportRequest(
    String namespace,
    String name,
    String uid,
    String revision,
    List<Wanted> images,
    Optional<Wanted> repository,
    boolean isKept) {
  ImportRequest {
    images = List.copyOf(images);
  }

  /**
   * One image to import.
   *
   * @param tag the tag that it gets; "" for none
   * @param isTarget whether the stream stores it as that tag
   */
  record Wanted(String tag, PullSpec from, ImportPolicy policy, boolean isLocal, boolean isTarget) {
    private static Wanted of(JsonNode json, String tag, boolean isTarget) {
      return new Wanted(
          tag,
          PullSpec.parse(json.path("from").path("name").asString("")),
          ImportPolicy.of(json.path("importPolicy")),
          SpecTag.isLocal(json),
          isTarget);
    }

    /** Returns the request for one tag of this repository. */
    Wanted of(String other) {
      return new Wanted(other, from.with(new Tag(other)), policy, isLocal, true);
    }
  }

  /** Parses an {@code ImageStreamImport} that was validated. */
  static ImportRequest of(String namespace, JsonNode json) {
    JsonNode spec = json.path("spec");
    var images = new ArrayList<Wanted>();
    for (JsonNode image : spec.path("images")) {
      JsonNode to = image.path("to");
      images.add(Wanted.of(image, to.path("name").asString(""), to.isObject()));
    }
    return new ImportRequest(
        namespace,
        Meta.name(json),
        Meta.text(json, "uid"),
        Meta.resourceVersion(json),
        images,
        Optional.of(spec.path("repository"))
            .filter(JsonNode::isObject)
            .map(whole -> Wanted.of(whole, "", true)),
        spec.path("import").asBoolean(false));
  }

  /**
   * Returns the import of spec tags of a stream, and of its whole repository if {@code isWhole}.
   */
  static ImportRequest of(ImageStream stream, List<SpecTag> tags, boolean isWhole) {
    return new ImportRequest(
        stream.namespace(),
        stream.name(),
        stream.uid(),
        "",
        tags.stream()
            .map(tag ->
                new Wanted(
                    tag.name(),
                    PullSpec.parse(tag.importedFrom().orElseThrow()),
                    stream.policy(tag.importPolicy()),
                    tag.isLocal(),
                    true))
            .toList(),
        stream
            .repository()
            .filter(text -> isWhole)
            .map(text ->
                new Wanted(
                    "", PullSpec.parse(text), stream.policy(ImportPolicy.USUAL), false, true)),
        true);
  }
}
