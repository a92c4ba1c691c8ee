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

/** What a description is made of: fields with values, as {@code oc describe} writes them. */
final class Description {
  private static final String NOTHING = "<none>";

  private final StringBuilder text = new StringBuilder();
  private final Instant now;

  Description(Instant now) {
    this.now = now;
  }

  /** Adds a line as it is. */
  Description line(String line) {
    text.append(line).append('\n');
    return this;
  }

  /** Adds a field; further lines of the value stand below the first. */
  Description field(String name, String value) {
    text.append(name).append(':');
    for (String line : (value.isEmpty() ? NOTHING : value).split("\n", -1)) {
      text.append('\t').append(line).append('\n');
    }
    return this;
  }

  /** Adds when something was. */
  Description age(String name, String time) {
    return field(name, age(time) + " ago");
  }

  /** Returns how long ago a time was. */
  String age(String time) {
    try {
      return Ages.between(OffsetDateTime.parse(time).toInstant(), now);
    } catch (DateTimeException e) {
      return "<unknown>";
    }
  }

  /** Adds a field with pairs, by the names of their keys. */
  Description pairs(String name, Map<String, String> pairs) {
    List<String> lines =
        new TreeMap<>(pairs)
            .entrySet().stream().map(pair -> pair.getKey() + "=" + pair.getValue()).toList();
    return field(name, String.join("\n", lines));
  }

  /** Adds annotations, and before them what they say in words. */
  Description annotations(JsonNode object) {
    Map<String, String> annotations = Meta.map(object, "annotations");
    String words = annotations.getOrDefault("description", "");
    annotations.remove("description");
    if (!words.isEmpty()) {
      field("Description", words);
    }
    return pairs("Annotations", annotations);
  }

  /** Returns it with its columns aligned. */
  @Override
  public String toString() {
    return TabbedText.aligned(text.toString());
  }
}
