package dev.cistern.server.streams;

import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.storage.ObjectName;
import java.time.Instant;
import java.util.Collections;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * An image stream: tags with their sources and their histories ({@code ImageStream} of {@code
 * image.openshift.io/v1}). Immutable.
 *
 * @param metadata the object's metadata; must not be changed
 * @param isLookedUp whether its tags may be used like images ({@code spec.lookupPolicy})
 * @param repository the repository whose tags are all imported ({@code spec.dockerImageRepository})
 * @param tags the spec tags by name
 * @param history the histories of the status tags by name
 */
public record ImageStream(
    ObjectNode metadata,
    boolean isLookedUp,
    Optional<String> repository,
    SortedMap<String, SpecTag> tags,
    SortedMap<String, TagHistory> history) {
  /** The default tag of a reference without a tag. */
  public static final String LATEST = "latest";

  /** Annotation with the time of the last import. */
  static final String CHECKED = "openshift.io/image.dockerRepositoryCheck";

  private static final String INSECURE = "openshift.io/image.insecureRepository";

  public ImageStream {
    tags = Collections.unmodifiableSortedMap(new TreeMap<>(tags));
    history = Collections.unmodifiableSortedMap(new TreeMap<>(history));
  }

  /** Parses a stream; does not keep {@code json}. */
  public static ImageStream of(JsonNode json) {
    var tags = new TreeMap<String, SpecTag>();
    for (JsonNode tag : json.path("spec").path("tags")) {
      SpecTag read = SpecTag.of(tag);
      tags.put(read.name(), read);
    }
    var history = new TreeMap<String, TagHistory>();
    for (JsonNode tag : json.path("status").path("tags")) {
      TagHistory read = TagHistory.of(tag);
      if (!read.isEmpty()) {
        history.put(tag.path("tag").asString(""), read);
      }
    }
    String repository = json.path("spec").path("dockerImageRepository").asString("");
    ObjectNode metadata =
        json.path("metadata") instanceof ObjectNode there
            ? there.deepCopy()
            : JsonMapper.shared().createObjectNode();
    return new ImageStream(
        metadata,
        json.path("spec").path("lookupPolicy").path("local").asBoolean(false),
        repository.isEmpty() ? Optional.empty() : Optional.of(repository),
        tags,
        history);
  }

  /** Returns a stream without tags. */
  public static ImageStream empty(String namespace, String name) {
    return new ImageStream(
        JsonMapper.shared().createObjectNode().put("name", name).put("namespace", namespace),
        false,
        Optional.empty(),
        new TreeMap<>(),
        new TreeMap<>());
  }

  /** Returns the object to store, which does not contain the address of this registry. */
  public ObjectNode json() {
    ObjectNode json = Meta.empty(Kinds.IMAGE_STREAM);
    json.set("metadata", metadata.deepCopy());
    ObjectNode spec = json.putObject("spec");
    spec.putObject("lookupPolicy").put("local", isLookedUp);
    repository.ifPresent(text -> spec.put("dockerImageRepository", text));
    if (!tags.isEmpty()) {
      ArrayNode list = spec.putArray("tags");
      tags.values().forEach(tag -> list.add(tag.json()));
    }
    ObjectNode status = json.putObject("status");
    status.put("dockerImageRepository", "");
    if (!history.isEmpty()) {
      ArrayNode list = status.putArray("tags");
      history.forEach((tag, was) -> list.add(was.json(tag)));
    }
    return json;
  }

  /**
   * Returns the object for clients, which contains the address of this registry.
   *
   * @param registry {@code host[:port]} by which the client knows this registry
   */
  public ObjectNode shown(String registry) {
    ObjectNode json = json();
    ((ObjectNode) json.path("status"))
        .put("dockerImageRepository", registry + "/" + namespace() + "/" + name());
    return json;
  }

  public String namespace() {
    return metadata.path("namespace").asString("");
  }

  public String name() {
    return metadata.path("name").asString("");
  }

  ObjectName objectName() {
    return Kinds.IMAGE_STREAM.name(namespace(), name());
  }

  public String resourceVersion() {
    return metadata.path("resourceVersion").asString("");
  }

  public String uid() {
    return metadata.path("uid").asString("");
  }

  public long generation() {
    return metadata.path("generation").asLong(0);
  }

  Instant created() {
    return Meta.instant(metadata.path("creationTimestamp").asString(""));
  }

  /**
   * Returns the effective import policy. It is also insecure if an annotation of the stream allows
   * insecure imports.
   */
  ImportPolicy policy(ImportPolicy own) {
    boolean isInsecure = own.insecure() || "true".equals(annotation(INSECURE));
    return new ImportPolicy(isInsecure, own.scheduled(), own.mode());
  }

  String annotation(String key) {
    return metadata.path("annotations").path(key).asString("");
  }

  /** Returns whether the stream has a spec tag or a status tag of this name. */
  public boolean has(String tag) {
    return tags.containsKey(tag) || history.containsKey(tag);
  }

  /** Returns the current item of a tag. */
  public Optional<TagEvent> latest(String tag) {
    return history(tag).latest();
  }

  /** Returns the digests of the items of all tags. */
  Set<String> images() {
    var images = new HashSet<String>();
    history.values().forEach(was -> was.items().forEach(event -> images.add(event.image())));
    images.remove("");
    return images;
  }

  /** Returns an item with this image; children of indexes are not found. */
  public Optional<TagEvent> item(String image) {
    return history.values().stream()
        .flatMap(was -> was.items().stream())
        .filter(event -> event.image().equals(image))
        .findFirst();
  }

  /** Returns the history of a tag, which is empty if there is no such tag. */
  public TagHistory history(String tag) {
    return history.getOrDefault(tag, TagHistory.NONE);
  }

  ImageStream with(SpecTag tag) {
    var changed = new TreeMap<>(tags);
    changed.put(tag.name(), tag);
    return withTags(changed);
  }

  ImageStream withTags(Map<String, SpecTag> others) {
    return new ImageStream(metadata, isLookedUp, repository, new TreeMap<>(others), history);
  }

  ImageStream with(String tag, TagHistory was) {
    var changed = new TreeMap<>(history);
    if (was.isEmpty()) {
      changed.remove(tag);
    } else {
      changed.put(tag, was);
    }
    return withHistory(changed);
  }

  ImageStream withHistory(Map<String, TagHistory> others) {
    return new ImageStream(metadata, isLookedUp, repository, tags, new TreeMap<>(others));
  }

  /** Returns this stream without a tag and its history. */
  ImageStream without(String tag) {
    var fewer = new TreeMap<>(tags);
    fewer.remove(tag);
    return withTags(fewer).with(tag, TagHistory.NONE);
  }

  ImageStream withMetadata(ObjectNode other) {
    return new ImageStream(other, isLookedUp, repository, tags, history);
  }

  ImageStream at(long generation) {
    return metadata.has("generation") && generation() == generation
        ? this // a parsed number is an IntNode, and a LongNode would make the stream unequal
        : withMetadata(metadata.deepCopy().put("generation", generation));
  }

  ImageStream annotated(String key, String value) {
    ObjectNode changed = metadata.deepCopy();
    Meta.annotations(changed).put(key, value);
    return withMetadata(changed);
  }

  /** Returns the pull spec of an item of a tag according to the tag's reference policy. */
  public String pulled(String tag, TagEvent event, String registry) {
    boolean isLocal = tags.containsKey(tag) && tags.get(tag).isLocal() && !event.image().isEmpty();
    return isLocal
        ? registry + "/" + namespace() + "/" + name() + "@" + event.image()
        : event.reference();
  }
}
