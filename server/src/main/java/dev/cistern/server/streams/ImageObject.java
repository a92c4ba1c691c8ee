package dev.cistern.server.streams;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.mirror.ParsedManifest;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.HostileJson;
import dev.cistern.oci.Manifest;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Factory of {@code Image} objects ({@code image.openshift.io/v1}), which describe a manifest and
 * its configuration (image specification, "Image Configuration").
 */
final class ImageObject {
  /** Maximum size of a configuration that is read, in bytes. */
  static final int MOST_CONFIG_BYTES = 4 << 20;

  /**
   * Maximum size of a configuration that the object contains, in bytes. It bounds the size of the
   * stored object.
   */
  private static final int MOST_SHOWN_BYTES = 512 << 10;

  /**
   * Maximum number of layers that the object contains, for the same reason. A runtime supports at
   * most 127.
   */
  private static final int MOST_LAYERS = 1_000;

  /** Operating system or architecture of a child without a platform in its index. */
  private static final String UNKNOWN = "unknown";

  private ImageObject() {}

  /**
   * Returns the object, without the metadata that creating it adds.
   *
   * @param reference the pull spec of the image
   * @param config the configuration, if the image has one
   */
  static ObjectNode of(
      ParsedManifest image, String reference, Optional<byte[]> config, Instant now) {
    Digest digest = image.stored().digest();
    ObjectNode json = Meta.empty(Kinds.IMAGE);
    ObjectNode metadata = json.putObject("metadata").put("name", digest.toString());
    json.put("dockerImageReference", reference);
    ObjectNode described = json.putObject("dockerImageMetadata");
    described.put("kind", "DockerImage").put("apiVersion", "1.0");
    described.put("Id", digest.toString());
    json.put("dockerImageMetadataVersion", "1.0");
    ArrayNode layers = json.putArray("dockerImageLayers");
    switch (image.manifest()) {
      case Manifest.Image single -> {
        metadata.putObject("annotations").put("image.openshift.io/dockerLayersOrder", "ascending");
        described.put("Id", single.config().digest().toString());
        describe(
            described,
            config.filter(bytes -> bytes.length <= MOST_SHOWN_BYTES).flatMap(ImageObject::parsed));
        described.put("Size", size(single));
        single.layers().stream()
            .limit(MOST_LAYERS)
            .forEach(layer ->
                layers
                    .addObject()
                    .put("name", layer.digest().toString())
                    .put("size", layer.size())
                    .put("mediaType", layer.mediaType().name()));
      }
      case Manifest.Index index -> {
        described.put("Created", Meta.time(now));
        children(json, index);
      }
    }
    return json.put("dockerImageManifestMediaType", image.stored().mediaType().name());
  }

  private static Optional<JsonNode> parsed(byte[] config) {
    try {
      JsonNode json = HostileJson.OBJECTS.readTree(new String(config, UTF_8));
      return json.isObject() ? Optional.of(json) : Optional.empty();
    } catch (JacksonException e) {
      return Optional.empty(); // the configuration of an artifact may have any format
    }
  }

  private static void describe(ObjectNode described, Optional<JsonNode> config) {
    JsonNode json = config.orElseGet(JsonMapper.shared()::createObjectNode);
    copy(json, "created", described, "Created");
    described.set("ContainerConfig", JsonMapper.shared().createObjectNode());
    copy(json, "docker_version", described, "DockerVersion");
    copy(json, "author", described, "Author");
    if (json.path("config").isObject()) {
      described.set("Config", json.path("config"));
    }
    copy(json, "architecture", described, "Architecture");
    copy(json, "os", described, "OS");
  }

  private static void copy(JsonNode from, String name, ObjectNode to, String newName) {
    if (from.path(name).isString()) {
      to.put(newName, from.path(name).stringValue());
    }
  }

  /** Returns the total size of the blobs of an image in bytes, counting each digest once. */
  private static long size(Manifest.Image image) {
    var seen = new LinkedHashSet<Digest>();
    return image.blobs().filter(blob -> seen.add(blob.digest())).mapToLong(Descriptor::size).sum();
  }

  private static void children(ObjectNode json, Manifest.Index index) {
    ArrayNode manifests = json.putArray("dockerImageManifests");
    for (Descriptor child : index.manifests()) {
      ObjectNode item = manifests.addObject();
      item.put("digest", child.digest().toString()).put("mediaType", child.mediaType().name());
      item.put("manifestSize", child.size());
      item.put("architecture", child.platform().map(one -> one.architecture()).orElse(UNKNOWN));
      item.put("os", child.platform().map(one -> one.os()).orElse(UNKNOWN));
      child
          .platform()
          .map(one -> one.variant())
          .filter(variant -> !variant.isEmpty())
          .ifPresent(variant -> item.put("variant", variant));
    }
  }
}
