package dev.cistern.server.api;

import dev.cistern.auth.access.Verb;
import dev.cistern.server.access.Gate;
import dev.cistern.server.objects.Ages;
import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.server.streams.Completeness;
import dev.cistern.server.streams.ImageStream;
import dev.cistern.server.streams.SpecTag;
import dev.cistern.server.streams.StreamEditor;
import dev.cistern.server.streams.Streams;
import dev.cistern.server.streams.TagEvent;
import dev.cistern.server.streams.TagHistory;
import dev.cistern.server.streams.TagOrder;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** The resource {@code imagestreams}. */
final class ImageStreams
    implements Resource.Gets, Resource.Shows, Resource.Creates, Resource.Updates, Resource.Deletes {
  /** The verbs that actions on streams require. */
  static final Access ACCESS =
      new Access(Optional.of(Verb.READ), Optional.of(Verb.IMPORT), Verb.IMPORT, Verb.DELETE);

  private static final int TAGS_WIDTH = 40;

  private final Streams streams;
  private final StreamEditor editor;
  private final Completeness completeness;
  private final Gate gate;
  private final InstantSource clock;

  ImageStreams(
      Streams streams,
      StreamEditor editor,
      Completeness completeness,
      Gate gate,
      InstantSource clock) {
    this.streams = streams;
    this.editor = editor;
    this.completeness = completeness;
    this.gate = gate;
    this.clock = clock;
  }

  @Override
  public ResourceType type() {
    return Kinds.IMAGE_STREAM;
  }

  @Override
  public ResourceType stored() {
    return Kinds.IMAGE_STREAM;
  }

  @Override
  public Access access() {
    return ACCESS;
  }

  @Override
  public Stream<ObjectNode> views(ObjectNode stored, Call call) {
    return Stream.of(ImageStream.of(stored).shown(call.registry()));
  }

  @Override
  public List<Column> columns() {
    return List.of(
        Column.ofName(),
        Column.of("Image Repository", "Where it is pulled from.", ImageStreams::repository),
        Column.of("Tags", "Human readable list of tags.", json -> tags(ImageStream.of(json))),
        Column.of("Updated", "Last update time.", json -> updated(ImageStream.of(json))));
  }

  private static String repository(JsonNode json) {
    String imported = json.path("spec").path("dockerImageRepository").asString("");
    return imported.isEmpty()
        ? json.path("status").path("dockerImageRepository").asString("")
        : imported;
  }

  /** Returns the names of as many tags as fit into the column, at least one. */
  private static String tags(ImageStream stream) {
    List<String> all = TagOrder.sorted(stream.history().keySet());
    var shown = new ArrayList<String>();
    int remaining = TAGS_WIDTH;
    for (String tag : all) {
      remaining -= tag.length() + 1;
      int margin = TAGS_WIDTH / 4;
      boolean isRagged = margin < remaining + tag.length() && margin >= -remaining;
      if (remaining < 0 && !shown.isEmpty() && !isRagged) {
        break;
      }
      shown.add(tag);
      if (remaining < 0 && shown.size() == 1) {
        break;
      }
    }
    int more = all.size() - shown.size();
    String text = String.join(",", shown);
    return more > 0 ? text + " + " + more + " more..." : text;
  }

  private String updated(ImageStream stream) {
    Optional<Instant> latest =
        stream.history().values().stream()
            .map(TagHistory::latest)
            .flatMap(Optional::stream)
            .map(TagEvent::created)
            .max(Instant::compareTo);
    return latest.map(time -> Ages.between(time, clock.instant()) + " ago").orElse("");
  }

  /** Requires the right to overwrite tags, for a change of an existing object. */
  static void requireMoving(Gate gate, ResourceType type, Call call) {
    if (!gate.allowsApi(call.caller(), Verb.OVERWRITE, call.namespace())) {
      throw ApiException.forbidden(
          type,
          call.requiredName(),
          "it is there: one who may only make new tags cannot change it");
    }
  }

  static StreamEditor.Context context(Gate gate, Call call) {
    return new StreamEditor.Context(
        call.registry(),
        namespace -> gate.allowsApi(call.caller(), Verb.PULL, Optional.of(namespace)));
  }

  @Override
  public ObjectNode get(Call call) {
    ImageStream stream = streams.require(call.requiredNamespace(), call.requiredName());
    ObjectNode json = stream.shown(call.registry());
    var shares = new HashMap<String, Optional<Completeness.Share>>();
    for (JsonNode tag : json.path("status").path("tags")) {
      SpecTag spec = stream.tags().get(tag.path("tag").asString(""));
      if (spec != null && spec.isLocal()) {
        for (JsonNode item : tag.path("items")) {
          shares
              .computeIfAbsent(
                  item.path("image").asString(""), image -> completeness.of(stream, image))
              .ifPresent(share -> tell(share, (ObjectNode) item));
        }
      }
    }
    return json;
  }

  /** Adds the stored share of an image with the {@code Local} reference policy to its item. */
  private static void tell(Completeness.Share share, ObjectNode item) {
    item.putObject("completeness")
        .put("parts", share.parts())
        .put("here", share.here())
        .put("bytes", share.bytes())
        .put("bytesHere", share.bytesHere());
  }

  @Override
  public ObjectNode create(Call call, ObjectNode object) throws IOException {
    return editor
        .create(call.requiredNamespace(), object, context(gate, call), call.isDryRun())
        .shown(call.registry());
  }

  @Override
  public Updated update(Call call, Edit edit) throws IOException {
    String namespace = call.requiredNamespace();
    String name = call.requiredName();
    if (edit.makes() && streams.find(namespace, name).isEmpty()) {
      ObjectNode empty = Meta.empty(type());
      Meta.of(empty).put("name", name);
      return new Updated(create(call, edit.apply(empty)), true);
    }
    requireMoving(gate, type(), call);
    ImageStream stream =
        editor.update(
            namespace,
            name,
            before -> edit.apply(before.shown(call.registry())),
            context(gate, call),
            call.isDryRun());
    return new Updated(stream.shown(call.registry()), false);
  }

  @Override
  public ObjectNode delete(Call call, DeleteOptions options) throws IOException {
    String namespace = call.requiredNamespace();
    String name = call.requiredName();
    ImageStream stream = streams.require(namespace, name);
    StoredResource.requirePreconditions(type(), stream.json(), options);
    if (!call.isDryRun()) {
      editor.delete(stream);
    }
    return Api.success(type(), name, stream.uid());
  }
}
