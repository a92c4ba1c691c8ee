package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Meta;
import java.util.HashSet;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The tags of an image stream, with their sources and histories. */
record StreamTags(JsonNode stream) {
  /** The result of following a tag. */
  sealed interface End {
    /**
     * A tag that follows no other.
     *
     * @param isOther whether it differs from the first tag
     */
    record Found(JsonNode tag, boolean isOther) implements End {}

    /** A missing tag. */
    record Missing() implements End {}

    /** A tag that cannot be followed. */
    record Broken(String why) implements End {}
  }

  /** Returns the spec tag of this name, if there is one. */
  Optional<JsonNode> spec(String name) {
    return named(stream.path("spec").path("tags"), "name", name);
  }

  /** Returns the status tag of this name; a missing node if there is none. */
  JsonNode status(String name) {
    return named(stream.path("status").path("tags"), "tag", name)
        .orElse(JsonMapper.shared().missingNode());
  }

  private static Optional<JsonNode> named(JsonNode tags, String key, String name) {
    for (JsonNode tag : tags) {
      if (tag.path(key).asString("").equals(name)) {
        return Optional.of(tag);
      }
    }
    return Optional.empty();
  }

  /** Follows a tag to the tag of this stream that it finally refers to. */
  End follow(String start) {
    String name = start;
    var seen = new HashSet<String>();
    while (seen.add(name)) {
      Optional<JsonNode> tag = spec(name);
      if (tag.isEmpty()) {
        return new End.Missing();
      }
      JsonNode from = tag.get().path("from");
      if (!from.path("kind").asString("").equals("ImageStreamTag")) {
        return new End.Found(tag.get(), seen.size() > 1);
      }
      String other = from.path("name").asString("");
      int colon = other.indexOf(':');
      String namespace = from.path("namespace").asString("");
      boolean isElsewhere = !namespace.isEmpty() && !namespace.equals(Meta.namespace(stream));
      if (isElsewhere || (colon >= 0 && !other.substring(0, colon).equals(Meta.name(stream)))) {
        return new End.Broken("points to an imagestreamtag from another ImageStream");
      }
      name = other.substring(colon + 1);
      if (name.isEmpty()) {
        name = "latest";
      }
    }
    return new End.Broken("on the image stream is a reference to same tag");
  }
}
