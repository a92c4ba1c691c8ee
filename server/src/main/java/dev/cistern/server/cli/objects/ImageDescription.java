package dev.cistern.server.cli.objects;

import dev.cistern.server.objects.Meta;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/** The description of an image, with the words of {@code oc describe}. */
public final class ImageDescription {
  private ImageDescription() {}

  /**
   * Describes an image.
   *
   * @param name the requested name; "" for none
   */
  public static String of(JsonNode image, String name, Instant now) {
    var description = new Description(now);
    if (!name.isEmpty()) {
      description.field("Image Name", name);
    }
    description.field("Docker Image", image.path("dockerImageReference").asString(""));
    description.field("Name", Meta.name(image));
    String made = Meta.text(image, "creationTimestamp");
    if (!made.isEmpty()) {
      description.age("Created", made);
    }
    if (!image.path("metadata").path("labels").isEmpty()) {
      description.pairs("Labels", Meta.map(image, "labels"));
    }
    if (!image.path("metadata").path("annotations").isEmpty()) {
      description.annotations(image);
    }
    JsonNode metadata = image.path("dockerImageMetadata");
    layers(description, image.path("dockerImageLayers"), metadata.path("Size").asLong(0));
    description.age("Image Created", metadata.path("Created").asString(""));
    description.field("Author", metadata.path("Author").asString(""));
    description.field("Arch", metadata.path("Architecture").asString(""));
    manifests(description, image.path("dockerImageManifests"));
    config(description, metadata.path("Config"));
    return description.toString();
  }

  private static void layers(Description description, JsonNode layers, long size) {
    if (layers.isEmpty()) {
      description.field("Layer Size", Sizes.human(size));
      return;
    }
    description.field("Image Size", Sizes.human(size) + " in " + layers.size() + " layers");
    var lines = new ArrayList<String>();
    for (JsonNode layer : layers) {
      lines.add(Sizes.human(layer.path("size").asLong(0)) + "\t" + layer.path("name").asString(""));
    }
    description.field("Layers", String.join("\n", lines));
  }

  private static void manifests(Description description, JsonNode manifests) {
    if (manifests.isEmpty()) {
      return;
    }
    var lines = new ArrayList<String>();
    for (JsonNode one : manifests) {
      String platform = one.path("os").asString("") + "/" + one.path("architecture").asString("");
      lines.add(platform + "\t" + one.path("digest").asString(""));
    }
    description.field("Manifests", String.join("\n", lines));
  }

  private static void config(Description description, JsonNode config) {
    List<String> entrypoint = texts(config.path("Entrypoint"));
    List<String> command = texts(config.path("Cmd"));
    if (!entrypoint.isEmpty()) {
      description.field("Entrypoint", String.join(" ", entrypoint));
    }
    if (!command.isEmpty() || entrypoint.isEmpty()) {
      description.field("Command", String.join(" ", command));
    }
    description.field("Working Dir", config.path("WorkingDir").asString(""));
    description.field("User", config.path("User").asString(""));
    description.field(
        "Exposes Ports",
        String.join(", ", new TreeSet<>(config.path("ExposedPorts").propertyNames())));
    description.pairs("Docker Labels", labels(config));
    some(description, "Environment", texts(config.path("Env")));
    some(
        description, "Volumes", List.copyOf(new TreeSet<>(config.path("Volumes").propertyNames())));
  }

  private static Map<String, String> labels(JsonNode config) {
    var labels = new LinkedHashMap<String, String>();
    config
        .path("Labels")
        .properties()
        .forEach(label -> labels.put(label.getKey(), label.getValue().asString("")));
    return labels;
  }

  private static void some(Description description, String name, List<String> values) {
    if (!values.isEmpty()) {
      description.field(name, String.join("\n", values));
    }
  }

  private static List<String> texts(JsonNode array) {
    var texts = new ArrayList<String>();
    array.forEach(text -> texts.add(text.asString("")));
    return texts;
  }
}
