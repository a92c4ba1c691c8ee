package dev.cistern.oci;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A parser of JSON to a {@link Manifest}. It refuses manifests that two readers could interpret
 * differently (CVE-2021-41190). These have both {@code manifests} and {@code layers}, a media type
 * other than the declared one, or a repeated key. It ignores all fields that a registry does not
 * need.
 */
final class ManifestParser {
  private static final int MAX_DEPTH = 64;
  private static final List<String> FIELDS =
      List.of(
          "schemaVersion",
          "mediaType",
          "artifactType",
          "config",
          "layers",
          "manifests",
          "subject",
          "annotations");

  /** Maximum tokens: one and a half times as many as 4 MiB of the shortest descriptors have. */
  private static final int MAX_TOKENS = 500_000;

  private static final JsonMapper JSON =
      HostileJson.mapper(MAX_TOKENS, MAX_DEPTH, StreamReadFeature.STRICT_DUPLICATE_DETECTION);

  private ManifestParser() {}

  static Manifest parse(byte[] bytes, Optional<MediaType> declared) {
    JsonNode root = read(bytes);
    MediaType type = mediaType(root, declared);
    Optional<Digest> subject =
        root.hasNonNull("subject")
            ? Optional.of(descriptor(root.get("subject"), "subject").digest())
            : Optional.empty();
    Optional<String> artifactType = text(root, "artifactType").filter(text -> !text.isEmpty());
    Map<String, String> annotations = annotations(root);
    if (type.isIndex()) {
      return new Manifest.Index(
          type, descriptors(root, "manifests"), subject, artifactType, annotations);
    }
    if (!root.hasNonNull("config")) {
      throw invalid("config is missing; an image manifest has one (for an artifact the empty one)");
    }
    Descriptor config = descriptor(root.get("config"), "config");
    return new Manifest.Image(
        type,
        config,
        descriptors(root, "layers"),
        subject,
        artifactType.or(() -> text(root.get("config"), "mediaType")),
        annotations);
  }

  private static JsonNode read(byte[] bytes) {
    JsonNode root;
    try {
      root = JSON.readTree(UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
    } catch (CharacterCodingException e) {
      throw invalid("not UTF-8, as JSON must be");
    } catch (JacksonException e) {
      throw invalid("not JSON: " + Texts.shown(e.getOriginalMessage()));
    }
    if (!root.isObject()) {
      throw invalid("not a JSON object");
    }
    refuseLookalikes(root);
    return root;
  }

  /**
   * Refuses fields that differ from known ones in letter case. Go's JSON reader, which most clients
   * use, accepts {@code Layers} for {@code layers}.
   */
  private static void refuseLookalikes(JsonNode root) {
    for (String name : root.propertyNames()) {
      if (!FIELDS.contains(name) && FIELDS.stream().anyMatch(name::equalsIgnoreCase)) {
        throw invalid("the field " + Texts.shown(name) + " can be mistaken for another");
      }
    }
  }

  private static MediaType mediaType(JsonNode root, Optional<MediaType> declared) {
    JsonNode version = root.path("schemaVersion");
    if (!version.isIntegralNumber() || !version.canConvertToInt() || version.asInt() != 2) {
      throw invalid(
          "schemaVersion is "
              + (version.isMissingNode() ? "missing" : Texts.shown(version.toString()))
              + ", only 2 is accepted (Docker's schema 1 has been given up by all clients)");
    }
    boolean index = root.has("manifests");
    if (index && (root.has("layers") || root.has("config"))) {
      throw invalid(
          "both manifests and layers or config: it must be an index or an image, not both");
    }
    Optional<MediaType> own = text(root, "mediaType").map(MediaType::new);
    Optional<MediaType> said = declared.filter(type -> !isVague(type));
    if (own.isPresent() && said.isPresent() && !own.equals(said)) {
      throw invalid(
          "mediaType is " + own.get() + " but Content-Type is " + said.get() + "; they must agree");
    }
    MediaType type = own.or(() -> said).orElse(index ? MediaType.OCI_INDEX : MediaType.OCI_IMAGE);
    if (!type.isManifest()) {
      throw invalid(
          "not a manifest's media type: "
              + type
              + "; OCI image manifests and indexes and"
              + " Docker's schema 2 are accepted");
    }
    if (type.isIndex() != index) {
      throw invalid(
          "the media type is " + type + " but manifests is " + (index ? "there" : "missing"));
    }
    return type;
  }

  /**
   * Returns whether a declared type is too general to contradict the manifest. Some clients and
   * upstreams declare only that it is JSON, bytes or text.
   */
  private static boolean isVague(MediaType type) {
    return type.equals(MediaType.JSON)
        || type.equals(MediaType.OCTET_STREAM)
        || type.name().equals("text/plain");
  }

  private static List<Descriptor> descriptors(JsonNode root, String field) {
    JsonNode array = root.path(field);
    if (array.isMissingNode() || array.isNull()) {
      return List.of();
    }
    if (!array.isArray()) {
      throw invalid(field + " is not a list");
    }
    var descriptors = new ArrayList<Descriptor>(array.size());
    for (int i = 0; i < array.size(); i++) {
      descriptors.add(descriptor(array.get(i), field + "[" + i + "]"));
    }
    return descriptors;
  }

  private static Descriptor descriptor(JsonNode node, String where) {
    if (!node.isObject()) {
      throw invalid(where + " is not a descriptor");
    }
    JsonNode size = node.path("size");
    if (!size.isIntegralNumber() || !size.canConvertToLong() || size.asLong() < 0) {
      throw invalid(where + ".size is not a number of bytes");
    }
    String digest = text(node, "digest").orElseThrow(() -> invalid(where + ".digest is missing"));
    String mediaType =
        text(node, "mediaType").orElseThrow(() -> invalid(where + ".mediaType is missing"));
    try {
      return new Descriptor(
          MediaType.parse(mediaType),
          Digest.parse(digest),
          size.asLong(),
          text(node, "artifactType"),
          annotations(node),
          platform(node.path("platform")));
    } catch (OciException e) {
      throw invalid(where + ": " + e.message());
    }
  }

  private static Optional<Platform> platform(JsonNode node) {
    return node.isObject()
        ? Optional.of(
            new Platform(
                text(node, "os").orElse(""),
                text(node, "architecture").orElse(""),
                text(node, "variant").orElse("")))
        : Optional.empty();
  }

  private static Map<String, String> annotations(JsonNode node) {
    JsonNode object = node.path("annotations");
    if (object.isMissingNode() || object.isNull()) {
      return Map.of();
    }
    if (!object.isObject()) {
      throw invalid("annotations is not an object");
    }
    var annotations = new LinkedHashMap<String, String>();
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      if (!entry.getValue().isString()) {
        throw invalid("annotation " + Texts.shown(entry.getKey()) + " is not a text");
      }
      annotations.put(entry.getKey(), entry.getValue().asString());
    }
    return annotations;
  }

  private static Optional<String> text(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return Optional.empty();
    }
    if (!value.isString()) {
      throw invalid(field + " is not a text");
    }
    return Optional.of(value.asString());
  }

  private static OciException invalid(String what) {
    return new OciException(ErrorCode.MANIFEST_INVALID, "manifest invalid: " + what);
  }
}
