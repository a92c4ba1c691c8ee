package dev.cistern.server.api;

import dev.cistern.server.access.Gate;
import dev.cistern.server.objects.Ages;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.ImageStream;
import dev.cistern.server.streams.SpecTag;
import dev.cistern.server.streams.StreamCheck;
import dev.cistern.server.streams.StreamEditor;
import dev.cistern.server.streams.Streams;
import java.io.IOException;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The resources {@code imagestreamtags} and {@code imagetags}: the tags of streams as separate
 * objects. Both have the same content; {@code imagetags} also shows tags without an image.
 */
final class ImageStreamTags
    implements Resource.Gets, Resource.Shows, Resource.Creates, Resource.Updates, Resource.Deletes {
  private final boolean isImageTag;
  private final Streams streams;
  private final StreamEditor editor;
  private final StreamViews views;
  private final Gate gate;
  private final InstantSource clock;

  ImageStreamTags(
      boolean isImageTag,
      Streams streams,
      StreamEditor editor,
      StreamViews views,
      Gate gate,
      InstantSource clock) {
    this.isImageTag = isImageTag;
    this.streams = streams;
    this.editor = editor;
    this.views = views;
    this.gate = gate;
    this.clock = clock;
  }

  @Override
  public ResourceType type() {
    return isImageTag ? StreamViews.IMAGE_TAG : StreamViews.TAG;
  }

  @Override
  public ResourceType stored() {
    return Kinds.IMAGE_STREAM;
  }

  @Override
  public Access access() {
    return ImageStreams.ACCESS;
  }

  @Override
  public Stream<ObjectNode> views(ObjectNode stored, Call call) {
    ImageStream stream = ImageStream.of(stored);
    if (isImageTag) {
      var tags = new TreeSet<>(stream.tags().keySet());
      tags.addAll(stream.history().keySet());
      return tags.stream().map(tag -> views.imageTag(stream, tag, call.registry(), false));
    }
    return stream.history().keySet().stream()
        .filter(tag -> stream.latest(tag).filter(event -> !event.image().isEmpty()).isPresent())
        .map(tag -> views.tag(stream, tag, call.registry(), false, false));
  }

  @Override
  public List<Column> columns() {
    return isImageTag
        ? List.of(
            Column.ofName(),
            Column.of("Spec", "What it comes from.", ImageTagTable::spec),
            Column.of("Status", "What it is.", ImageTagTable::status),
            Column.of("History", "Number of history entries", ImageTagTable::history),
            Column.of("Updated", "Last updated at", json -> updated(json)))
        : List.of(
            Column.ofName(),
            Column.of(
                "Image Reference",
                "Where the image is pulled from.",
                json -> json.path("image").path("dockerImageReference").asString("")),
            Column.of("Updated", "Last update time.", json -> updated(json)),
            Column.wide(
                "Image Name", "The digest of the image.", json -> Meta.name(json.path("image"))));
  }

  private String updated(JsonNode json) {
    String created = Meta.text(json, "creationTimestamp");
    return created.isEmpty()
        ? ""
        : Ages.between(OffsetDateTime.parse(created).toInstant(), clock.instant()) + " ago";
  }

  private StreamItem item(Call call) {
    return StreamItem.parse(call.requiredName(), ":", isImageTag ? "ImageTags" : "ImageStreamTags");
  }

  private ObjectNode shown(ImageStream stream, String tag, Call call, boolean isPending) {
    return isImageTag
        ? views.imageTag(stream, tag, call.registry(), true)
        : views.tag(stream, tag, call.registry(), true, isPending);
  }

  @Override
  public ObjectNode get(Call call) {
    StreamItem item = item(call);
    ImageStream stream = streams.require(call.requiredNamespace(), item.stream());
    if (!stream.has(item.item())) {
      throw ApiException.notFound(type(), call.requiredName());
    }
    return shown(stream, item.item(), call, false);
  }

  @Override
  public ObjectNode create(Call call, ObjectNode object) throws IOException {
    StreamItem item =
        StreamItem.parse(Meta.name(object), ":", isImageTag ? "ImageTags" : "ImageStreamTags");
    SpecTag sent = checked(item, object);
    ImageStream stream =
        editor.setTag(
            call.requiredNamespace(),
            item.stream(),
            before -> {
              if (before.filter(one -> one.tags().containsKey(item.item())).isPresent()) {
                throw ApiException.alreadyExists(type(), Meta.name(object));
              }
            },
            sent,
            ImageStreams.context(gate, call),
            call.isDryRun());
    return shown(stream, item.item(), call, true);
  }

  /** Returns the sent spec tag, if it is valid. */
  private SpecTag checked(StreamItem item, ObjectNode object) {
    String key = isImageTag ? "spec" : "tag";
    if (!(object.path(key) instanceof ObjectNode tag)) {
      throw ApiException.badRequest(
          "imagestreamtag %s is not a spec tag in its imagestream, cannot be updated"
              .formatted(item.item()));
    }
    var errors = StreamCheck.tag(tag, key);
    if (!errors.isEmpty()) {
      throw ApiException.invalid(type(), Meta.name(object), errors);
    }
    ObjectNode sent = tag.deepCopy().put("name", item.item());
    JsonNode annotations = object.path("metadata").path("annotations");
    if (!isImageTag && annotations.isObject()) {
      sent.set("annotations", annotations);
    }
    return SpecTag.of(sent);
  }

  @Override
  public Updated update(Call call, Edit edit) throws IOException {
    StreamItem item = item(call);
    String namespace = call.requiredNamespace();
    Optional<ImageStream> there = streams.find(namespace, item.stream());
    ImageStream old = there.orElseGet(() -> ImageStream.empty(namespace, item.stream()));
    boolean isNew = !old.tags().containsKey(item.item());
    if (old.has(item.item())) {
      ImageStreams.requireMoving(gate, type(), call);
    }
    ObjectNode wanted = edit.apply(shown(old, item.item(), call, true));
    String version = Meta.resourceVersion(wanted);
    if (!version.isEmpty() && there.isEmpty()) {
      throw ApiException.notFound(type(), call.requiredName());
    }
    SpecTag sent = checked(item, wanted);
    ImageStream stream =
        editor.setTag(
            namespace,
            item.stream(),
            before -> {
              String now = before.map(ImageStream::resourceVersion).orElse("");
              if (!version.isEmpty() && !version.equals(now)) {
                throw ApiException.conflict(
                    type(),
                    call.requiredName(),
                    "another caller has updated the resource version to " + now);
              }
            },
            sent,
            ImageStreams.context(gate, call),
            call.isDryRun());
    return new Updated(shown(stream, item.item(), call, true), isNew);
  }

  @Override
  public ObjectNode delete(Call call, DeleteOptions options) throws IOException {
    StreamItem item = item(call);
    ImageStream stream = streams.require(call.requiredNamespace(), item.stream());
    requirePreconditions(stream, call, options);
    boolean isThere =
        call.isDryRun()
            ? stream.has(item.item())
            : streams.removeTag(
                stream.namespace(),
                stream.name(),
                item.item(),
                before -> requirePreconditions(before, call, options));
    if (!isThere) {
      throw ApiException.notFound(type(), call.requiredName());
    }
    return Api.success(type(), call.requiredName(), stream.uid());
  }

  private void requirePreconditions(ImageStream stream, Call call, DeleteOptions options) {
    String uid = options.precondition("uid");
    if (!uid.isEmpty() && !uid.equals(stream.uid())) {
      throw ApiException.conflict(type(), call.requiredName(), "the UID precondition was not met");
    }
    String version = options.precondition("resourceVersion");
    if (!version.isEmpty() && !version.equals(stream.resourceVersion())) {
      throw ApiException.conflict(
          type(), call.requiredName(), "the resourceVersion precondition was not met");
    }
  }
}
