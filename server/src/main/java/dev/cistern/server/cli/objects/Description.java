package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Ages;
import dev.cistern.server.objects.Meta;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** Builder of a description, which consists of fields and values as in {@code oc describe}. */
final class Description {
  private static final String NOTHING = "<none>";

  private final StringBuilder text = new StringBuilder();
  private final Instant now;

  Description(Instant now) {
    this.now = now;
  }

  /** Adds a line unchanged. */
  Description line(String line) {
    text.append(line).append('\n');
    return this;
  }

  /** Adds a field, with further lines of the value below the first. */
  Description field(String name, String value) {
    text.append(name).append(':');
    for (String line : (value.isEmpty() ? NOTHING : value).split("\n", -1)) {
      text.append('\t').append(line).append('\n');
    }
    return this;
  }

  /** Adds a field with the age of a time. */
  Description age(String name, String time) {
    return field(name, age(time) + " ago");
  }

  /** Returns the age of a time. */
  String age(String time) {
    try {
      return Ages.between(OffsetDateTime.parse(time).toInstant(), now);
    } catch (DateTimeException e) {
      return "<unknown>";
    }
  }

  /** Adds a field with pairs, sorted by key. */
  Description pairs(String name, Map<String, String> pairs) {
    List<String> lines =
        new TreeMap<>(pairs)
            .entrySet().stream().map(pair -> pair.getKey() + "=" + pair.getValue()).toList();
    return field(name, String.join("\n", lines));
  }

  /** Adds the annotations, with the description before them. */
  Description annotations(JsonNode object) {
    Map<String, String> annotations = Meta.map(object, "annotations");
    String words = annotations.getOrDefault("description", "");
    annotations.remove("description");
    if (!words.isEmpty()) {
      field("Description", words);
    }
    return pairs("Annotations", annotations);
  }

  /** Returns the description with aligned columns. */
  @Override
  public String toString() {
    return TabbedText.aligned(text.toString());
  }
}
