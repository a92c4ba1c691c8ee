package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Meta;
import dev.cistern.server.streams.TagOrder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The description of an image stream, with the words of {@code oc describe}. */
public final class StreamDescription {
  private static final String FROM = "tagged from ";

  private final JsonNode stream;
  private final StreamTags tags;
  private final Description text;

  private StreamDescription(JsonNode stream, Instant now) {
    this.stream = stream;
    this.tags = new StreamTags(stream);
    this.text = new Description(now);
  }

  /** Describes an image stream. */
  public static String of(JsonNode stream, Instant now) {
    var description = new StreamDescription(stream, now);
    description.head();
    description.tags();
    return description.text.toString();
  }

  private void head() {
    text.field("Name", Meta.name(stream));
    if (!Meta.namespace(stream).isEmpty()) {
      text.field("Namespace", Meta.namespace(stream));
    }
    String made = Meta.text(stream, "creationTimestamp");
    if (!made.isEmpty()) {
      text.age("Created", made);
    }
    text.pairs("Labels", Meta.map(stream, "labels"));
    text.annotations(stream);
    JsonNode status = stream.path("status");
    String inside = status.path("dockerImageRepository").asString("");
    String outside = status.path("publicDockerImageRepository").asString("");
    text.field("Image Repository", outside.isEmpty() ? inside : outside);
    boolean isLocal = stream.path("spec").path("lookupPolicy").path("local").asBoolean(false);
    text.field("Image Lookup", "local=" + isLocal);
  }

  private void tags() {
    JsonNode specs = stream.path("spec").path("tags");
    JsonNode histories = stream.path("status").path("tags");
    if (specs.isEmpty() && histories.isEmpty()) {
      text.line("Tags:\t<none>");
      return;
    }
    var names = new ArrayList<String>();
    var images = new HashSet<String>();
    for (JsonNode history : histories) {
      names.add(history.path("tag").asString(""));
      history.path("items").forEach(item -> images.add(item.path("image").asString("")));
    }
    var followers = new TreeMap<String, List<String>>();
    var following = new HashSet<String>();
    for (JsonNode spec : specs) {
      String name = spec.path("name").asString("");
      if (tags.follow(name) instanceof StreamTags.End.Found(JsonNode end, boolean isOther)
          && isOther) {
        following.add(name);
        followers
            .computeIfAbsent(end.path("name").asString(""), key -> new ArrayList<>())
            .add(name);
      }
      if (!names.contains(name)) {
        names.add(name);
      }
    }
    text.line("Unique Images:\t" + images.size() + "\nTags:\t" + names.size() + "\n");
    boolean isFirst = true;
    for (String name : TagOrder.sorted(names)) {
      if (following.contains(name)) {
        continue; // described with the tag that it follows
      }
      if (!isFirst) {
        text.line("");
      }
      isFirst = false;
      List<String> also = TagOrder.sorted(followers.getOrDefault(name, List.of()));
      text.line(also.isEmpty() ? name : name + " (" + String.join(", ", also) + ")");
      tag(name);
    }
  }

  private void tag(String name) {
    JsonNode spec = tags.spec(name).orElse(JsonMapper.shared().missingNode());
    JsonNode history = tags.status(name);
    text.line("  " + (spec.isMissingNode() ? "no spec tag" : source(spec)));
    if (spec.path("from").isObject() && isOn(spec, "insecure")) {
      text.line("    will use insecure HTTPS or HTTP connections");
    }
    if (spec.path("referencePolicy").path("type").asString("").equals("Local")) {
      text.line("    prefer registry pullthrough when referencing this tag");
    }
    text.line("");
    words(spec.path("annotations"));
    if (isImporting(spec, history)) {
      text.line("  ~ importing latest image ...");
    }
    for (JsonNode condition : history.path("conditions")) {
      if (isFailure(condition)) {
        text.line(
            "  ! error: Import failed (%s): %s\n      %s ago"
                .formatted(
                    condition.path("reason").asString(""),
                    condition.path("message").asString(""),
                    text.age(condition.path("lastTransitionTime").asString(""))));
      }
    }
    String mark = "  * ";
    for (JsonNode item : history.path("items")) {
      item(item, mark);
      mark = "    ";
    }
  }

  private String source(JsonNode spec) {
    JsonNode from = spec.path("from");
    if (!from.isObject()) {
      return "tag without source image";
    }
    String namespace = from.path("namespace").asString("");
    boolean isElsewhere = !namespace.isEmpty() && !namespace.equals(Meta.namespace(stream));
    String name = (isElsewhere ? namespace + "/" : "") + from.path("name").asString("");
    String kind = from.path("kind").asString("");
    boolean isReference = spec.path("reference").asBoolean(false);
    boolean isScheduled = isOn(spec, "scheduled");
    return switch (kind) {
      case "ImageStreamTag" ->
          (isReference ? "reference to " : isScheduled ? "updates automatically from " : FROM)
              + name;
      case "DockerImage" ->
          (isReference
                  ? "reference to registry "
                  : isScheduled ? "updates automatically from registry " : FROM)
              + name;
      case "ImageStreamImage" -> (isReference ? "reference to image " : FROM) + name;
      default -> (isReference ? "reference to " : "updates from ") + kind + " " + name;
    };
  }

  private static boolean isOn(JsonNode spec, String key) {
    return spec.path("importPolicy").path(key).asBoolean(false);
  }

  private void words(JsonNode annotations) {
    var lines = new ArrayList<String>();
    addWord(lines, "", annotations.path("description"));
    addWord(lines, "Tags: ", annotations.path("tags"));
    addWord(lines, "Supports: ", annotations.path("supports"));
    String sample = annotations.path("sampleRepo").asString("");
    if (!sample.isEmpty()) {
      lines.add("  Example Repo: " + sample);
    }
    if (!lines.isEmpty()) {
      lines.forEach(text::line);
      text.line("");
    }
  }

  private static void addWord(List<String> lines, String before, JsonNode value) {
    String word = value.asString("");
    if (!word.isEmpty()) {
      lines.add("  " + before + (before.isEmpty() ? word : word.replace(",", ", ")));
    }
  }

  private static boolean isImporting(JsonNode spec, JsonNode history) {
    JsonNode wanted = spec.path("generation");
    if (!spec.path("from").isObject()
        || spec.path("reference").asBoolean(false)
        || !wanted.isIntegralNumber()) {
      return false;
    }
    long observed = history.path("items").path(0).path("generation").asLong(0);
    for (JsonNode condition : history.path("conditions")) {
      if (isOfImport(condition)) {
        observed = Math.max(observed, condition.path("generation").asLong(0));
        break;
      }
    }
    return wanted.asLong() > observed;
  }

  private static boolean isOfImport(JsonNode condition) {
    return condition.path("type").asString("").equals("ImportSuccess");
  }

  private static boolean isFailure(JsonNode condition) {
    return isOfImport(condition) && condition.path("status").asString("").equals("False");
  }

  private void item(JsonNode item, String mark) {
    String reference = item.path("dockerImageReference").asString("");
    String image = item.path("image").asString("");
    text.line(mark + reference);
    boolean isNamed = image.isEmpty() || reference.endsWith("@" + image);
    text.line(
        "      "
            + text.age(item.path("created").asString(""))
            + " ago"
            + (isNamed ? "" : "\t" + image));
  }
}
