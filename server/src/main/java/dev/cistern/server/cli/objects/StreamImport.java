package dev.cistern.server.cli.objects;

import dev.cistern.server.cli.objects.StreamTags.End;
import dev.cistern.server.objects.Meta;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The import that {@code import-image} requests: one tag, all tags of a stream, or a whole
 * repository.
 */
public final class StreamImport {
  private static final String INSECURE = "openshift.io/image.insecureRepository";
  private static final String DOCKER_IMAGE = "DockerImage";
  private static final String LATEST = "latest";

  private final String target;
  private final String name;
  private final String tag;
  private final ImportOptions options;

  private StreamImport(String target, String name, String tag, ImportOptions options) {
    this.target = target;
    this.name = name;
    this.tag = tag;
    this.options = options;
  }

  /**
   * Parses the target of an import.
   *
   * @param target {@code NAME[:TAG]}
   * @throws ObjectException if it is invalid
   */
  public static StreamImport parse(String target, ImportOptions options) {
    DockerImageReference reference;
    try {
      reference = DockerImageReference.parse(target);
    } catch (ObjectException e) {
      throw new ObjectException(
          "the image name must be a valid container image pull spec or reference to an image stream"
              + " (e.g. myregistry/myteam/image:tag)");
    }
    if (!reference.digest().isEmpty()) {
      throw new ObjectException("to import images by ID, use the 'tag' command");
    }
    if (!reference.tag().isEmpty() && options.isAll()) {
      throw new ObjectException("cannot specify a tag " + Quoted.of(target) + " as well as --all");
    }
    String tag = reference.tag().isEmpty() && !options.isAll() ? LATEST : reference.tag();
    return new StreamImport(target, reference.name(), tag, options);
  }

  /** Returns the name of the stream. */
  public String name() {
    return name;
  }

  /**
   * Returns the {@code ImageStreamImport} to send.
   *
   * @param stream the current stream, if there is one
   * @throws ObjectException if the stream and the options do not allow this import
   */
  public ObjectNode request(Optional<? extends JsonNode> stream) {
    if (stream.isPresent()) {
      return options.isAll() ? all(stream.get()) : oneTag(stream.get());
    }
    if (!options.isConfirmed()) {
      throw new ObjectException(
          "no image stream named %s exists, pass --confirm to create and import"
              .formatted(Quoted.of(name)));
    }
    ObjectNode none = JsonMapper.shared().createObjectNode();
    String from = options.from().isEmpty() ? target : options.from();
    return options.isAll() ? ofRepository(none, from) : ofTags(none, Map.of(tag, from));
  }

  private ObjectNode all(JsonNode stream) {
    String known = stream.path("spec").path("dockerImageRepository").asString("");
    String from = options.from().isEmpty() ? known : options.from();
    if (from.isEmpty()) {
      return ofTags(stream, ownTags(stream));
    }
    if (!from.equals(known) && !options.isConfirmed()) {
      throw new ObjectException(
          known.isEmpty()
              ? "the image stream does not currently import an entire Docker repository, pass"
                  + " --confirm to update"
              : "the image stream has a different import spec %s, pass --confirm to update"
                  .formatted(Quoted.of(known)));
    }
    return ofRepository(stream, from);
  }

  private static Map<String, String> ownTags(JsonNode stream) {
    var tags = new LinkedHashMap<String, String>();
    for (JsonNode one : stream.path("spec").path("tags")) {
      if (isOfRegistry(one)) {
        tags.put(one.path("name").asString(""), source(one));
      }
    }
    if (tags.isEmpty()) {
      throw new ObjectException(
          "image stream does not have tags pointing to external container images");
    }
    return tags;
  }

  private ObjectNode oneTag(JsonNode stream) {
    return switch (new StreamTags(stream).follow(tag)) {
      case End.Broken(String why) -> throw new ObjectException("tag " + Quoted.of(tag) + " " + why);
      case End.Missing missing -> newTag(stream);
      case End.Found(JsonNode known, boolean isOther) -> knownTag(stream, known, isOther);
    };
  }

  private ObjectNode newTag(JsonNode stream) {
    String from = options.from();
    if (from.isEmpty() && tag.equals(LATEST)) {
      from = stream.path("spec").path("dockerImageRepository").asString("");
    }
    if (from.isEmpty()) {
      throw new ObjectException(
          ("the tag %s does not exist on the image stream - choose an existing tag to import or use"
                  + " the 'tag' command to create a new tag")
              .formatted(Quoted.of(tag)));
    }
    return ofTags(stream, Map.of(tag, from));
  }

  private ObjectNode knownTag(JsonNode stream, JsonNode known, boolean isOther) {
    JsonNode from = known.path("from");
    if (!from.isObject()) {
      throw new ObjectException(
          ("tag %s already exists - you must use the 'tag' command if you want to change the source"
                  + " to %s")
              .formatted(Quoted.of(tag), Quoted.of(options.from())));
    }
    if (!isOfRegistry(known)) {
      throw new ObjectException(
          "tag %s points to existing %s %s, it cannot be re-imported"
              .formatted(Quoted.of(tag), from.path("kind").asString(""), Quoted.of(source(known))));
    }
    String end = known.path("name").asString("");
    if (!options.from().isEmpty() && !options.from().equals(source(known))) {
      String way = isOther ? "points to the tag " + Quoted.of(end) + " which " : "";
      throw new ObjectException(
          ("the tag %s %spoints to %s - use the 'tag' command if you want to change the source to"
                  + " %s")
              .formatted(Quoted.of(tag), way, Quoted.of(source(known)), Quoted.of(options.from())));
    }
    return ofTags(stream, Map.of(end, source(known)));
  }

  private static boolean isOfRegistry(JsonNode tag) {
    return tag.path("from").path("kind").asString("").equals(DOCKER_IMAGE);
  }

  private static String source(JsonNode tag) {
    return tag.path("from").path("name").asString("");
  }

  private ObjectNode ofRepository(JsonNode stream, String from) {
    ObjectNode request = empty(stream);
    ObjectNode repository = request.withObject("/spec").putObject("repository");
    fill(repository, from, isInsecure(stream), options.isScheduled());
    return request;
  }

  private ObjectNode ofTags(JsonNode stream, Map<String, String> sources) {
    ObjectNode request = empty(stream);
    var tags = new StreamTags(stream);
    sources.forEach((to, from) -> {
      Optional<JsonNode> policy = tags.spec(to).map(known -> known.path("importPolicy"));
      ObjectNode image = request.withObject("/spec").withArray("images").addObject();
      fill(
          image,
          from,
          isInsecure(stream) || isOn(policy, "insecure"),
          options.isScheduled() || isOn(policy, "scheduled"));
      image.putObject("to").put("name", to);
    });
    return request;
  }

  private boolean isInsecure(JsonNode stream) {
    return options
        .isInsecure()
        .orElse("true".equals(Meta.map(stream, "annotations").get(INSECURE)));
  }

  private static boolean isOn(Optional<JsonNode> policy, String key) {
    return policy.filter(known -> known.path(key).asBoolean(false)).isPresent();
  }

  private ObjectNode empty(JsonNode stream) {
    ObjectNode request = Meta.empty(ImageKinds.IMPORT);
    ObjectNode metadata = Meta.of(request).put("name", name);
    String version = Meta.resourceVersion(stream);
    if (!version.isEmpty()) {
      metadata.put("resourceVersion", version);
    }
    request.putObject("spec").put("import", !options.isDryRun());
    return request;
  }

  private void fill(ObjectNode target, String from, boolean isInsecure, boolean isScheduled) {
    target.putObject("from").put("kind", DOCKER_IMAGE).put("name", from);
    ObjectNode policy = target.putObject("importPolicy");
    if (isInsecure) {
      policy.put("insecure", true);
    }
    if (isScheduled) {
      policy.put("scheduled", true);
    }
    policy.put("importMode", options.mode());
    target.putObject("referencePolicy").put("type", options.policy());
  }
}
