package dev.cistern.server.streams;

import dev.cistern.oci.Tag;
import dev.cistern.server.objects.Meta;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * What is to be imported into a stream.
 *
 * @param uid of the stream that is meant; "" for any
 * @param revision at which it has to be; "" for any
 * @param images single ones
 * @param repository one that all tags are imported of
 * @param isKept whether what comes of it is stored
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
   * What one image of an import is to be.
   *
   * @param tag which it is to have; "" for none
   * @param isTarget whether the stream is to have it as that tag
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

    /** Returns what a tag of this repository is to be. */
    Wanted of(String other) {
      return new Wanted(other, from.with(new Tag(other)), policy, isLocal, true);
    }
  }

  /** Reads an {@code ImageStreamImport} that was checked. */
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

  /** Asks for tags of a stream as they are to be, and for the whole repository if that is meant. */
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
