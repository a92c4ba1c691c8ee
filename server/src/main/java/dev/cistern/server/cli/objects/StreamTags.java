package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Meta;
import java.util.HashSet;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The tags of an image stream: what they come from, and what they are. */
record StreamTags(JsonNode stream) {
  /** Where following a tag ends. */
  sealed interface End {
    /** At a tag that follows no other; it may be the one it began with. */
    record Found(JsonNode tag, boolean isOther) implements End {}

    /** At no tag. */
    record Missing() implements End {}

    /** At one that cannot be followed. */
    record Broken(String why) implements End {}
  }

  /** Returns where a tag comes from, if that is said. */
  Optional<JsonNode> spec(String name) {
    return named(stream.path("spec").path("tags"), "name", name);
  }

  /** Returns what a tag was; nothing in it if it was never anything. */
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

  /** Follows tags of this stream that follow others. */
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
