package dev.cistern.server.streams;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.FieldError;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import java.io.IOException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Changes of streams that clients request. They are validated first, and include all consequences
 * for tags that track others.
 */
public final class StreamEditor {
  private static final int MOST_TRIES = 20;

  private final Streams streams;
  private final StreamImages images;
  private final InstantSource clock;

  public StreamEditor(Streams streams, InstantSource clock) {
    this.streams = streams;
    this.images = new StreamImages(streams.objects());
    this.clock = clock;
  }

  /**
   * The client that requests a change.
   *
   * @param registry the name by which the client knows this registry
   * @param mayPull whether the client may pull from a namespace
   */
  public record Context(String registry, Predicate<String> mayPull) {}

  /** Returns the requested stream, as the client sent it or patched it, for the current stream. */
  public interface Edit {
    ObjectNode apply(ImageStream before);
  }

  private Retagging retagging(Context context) {
    return new Retagging(
        new Retagging.Others() {
          @Override
          public Optional<ImageStream> find(String namespace, String name) {
            return streams.find(namespace, name);
          }

          @Override
          public boolean mayPull(String namespace) {
            return context.mayPull().test(namespace);
          }

          @Override
          public Set<String> children(String image) {
            return images.children(image);
          }
        },
        clock.instant(),
        context.registry());
  }

  /**
   * Creates a stream.
   *
   * @throws ApiException if it exists already, its namespace does not exist, or it is invalid
   */
  public ImageStream create(String namespace, ObjectNode json, Context context, boolean isDryRun)
      throws IOException {
    ClusterObjects objects = streams.objects();
    if (!Meta.resourceVersion(json).isEmpty()) {
      throw ApiException.badRequest("resourceVersion should not be set on objects to be created");
    }
    requireNamespace(namespace);
    ObjectNode born = objects.born(Kinds.IMAGE_STREAM, namespace, json);
    String name = Meta.name(born);
    var errors = new ArrayList<FieldError>(StreamCheck.name(namespace, name));
    errors.addAll(StreamCheck.stream(born));
    Retagging.Result result = retagging(context).made(ImageStream.of(born));
    errors.addAll(result.errors());
    requireNone(name, errors);
    if (streams.find(namespace, name).isPresent()) {
      throw ApiException.alreadyExists(Kinds.IMAGE_STREAM, name);
    }
    if (isDryRun) {
      return result.stream();
    }
    return streams.change(
        namespace,
        name,
        before -> {
          if (before.isPresent()) {
            throw ApiException.alreadyExists(Kinds.IMAGE_STREAM, name);
          }
          streams.bring(result.stream(), result.copies());
          return Streams.Changed.of(result.stream());
        });
  }

  /**
   * Requires a namespace to exist.
   *
   * @throws ApiException if it does not exist
   */
  void requireNamespace(String namespace) {
    if (!streams.objects().hasNamespace(namespace)) {
      throw ApiException.notFound(Kinds.NAMESPACE, namespace);
    }
  }

  private static void requireNone(String name, List<FieldError> errors) {
    if (!errors.isEmpty()) {
      throw ApiException.invalid(Kinds.IMAGE_STREAM, name, errors);
    }
  }

  /**
   * Changes the spec of a stream. Its history changes only as a consequence.
   *
   * @throws ApiException if it does not exist, has changed since it was read, or the change is
   *     invalid
   */
  public ImageStream update(
      String namespace, String name, Edit edit, Context context, boolean isDryRun)
      throws IOException {
    for (int i = 0; i < MOST_TRIES; i++) {
      ImageStream before = streams.require(namespace, name);
      ObjectNode json = edit.apply(before);
      requireRead(before, json);
      ImageStream wanted =
          ImageStream.of(json).withMetadata(metadata(before, json)).withHistory(before.history());
      var errors = new ArrayList<FieldError>(StreamCheck.stream(json));
      Retagging.Result result = retagging(context).changed(before, wanted);
      errors.addAll(result.errors());
      requireNone(name, errors);
      if (isDryRun || result.stream().equals(before)) {
        return result.stream();
      }
      streams.bring(result.stream(), result.copies());
      Optional<ImageStream> done = streams.tryReplace(before, result.stream());
      if (done.isPresent()) {
        return done.get();
      }
    }
    throw ApiException.modified(Kinds.IMAGE_STREAM, name);
  }

  /** Requires that an update contains the current resource version. */
  private static void requireRead(ImageStream before, JsonNode json) {
    String version = Meta.resourceVersion(json);
    if (version.isEmpty()) {
      throw ApiException.invalid(
          Kinds.IMAGE_STREAM,
          before.name(),
          List.of(
              FieldError.invalid(
                  "metadata.resourceVersion", "", "must be specified for an update")));
    }
    if (!version.equals(before.resourceVersion())) {
      throw ApiException.modified(Kinds.IMAGE_STREAM, before.name());
    }
  }

  /** Returns the metadata from the request, with the immutable fields of the current stream. */
  private static ObjectNode metadata(ImageStream before, ObjectNode json) {
    ObjectNode metadata = Meta.of(json).deepCopy();
    metadata.remove("managedFields");
    for (String key :
        List.of("name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion")) {
      JsonNode value = before.metadata().path(key);
      if (value.isMissingNode()) {
        metadata.remove(key);
      } else {
        metadata.set(key, value);
      }
    }
    return metadata;
  }

  /**
   * Sets one tag. Creates the stream if it does not exist.
   *
   * @param check a precondition on the current stream
   * @throws ApiException if the change is invalid
   */
  public ImageStream setTag(
      String namespace, String name, Check check, SpecTag tag, Context context, boolean isDryRun)
      throws IOException {
    if (streams.find(namespace, name).isEmpty()) {
      requireNamespace(namespace);
      var errors = StreamCheck.name(namespace, name);
      requireNone(name, errors);
    }
    Streams.Change change =
        before -> {
          check.of(before);
          ImageStream old = before.orElseGet(() -> ImageStream.empty(namespace, name));
          Retagging.Result result =
              before.isPresent()
                  ? retagging(context).changed(old, old.with(tag))
                  : retagging(context).made(old.with(tag));
          requireNone(name, result.errors());
          if (!isDryRun) {
            streams.bring(result.stream(), result.copies());
          }
          return Streams.Changed.of(result.stream());
        };
    return isDryRun
        ? change.decide(streams.find(namespace, name)).stream()
        : streams.change(namespace, name, change);
  }

  /** A precondition on a stream, which throws if it does not hold. */
  public interface Check {
    void of(Optional<ImageStream> before);
  }

  /** Removes a stream. */
  public void delete(ImageStream stream) throws IOException {
    if (!streams.remove(stream)) {
      throw ApiException.modified(Kinds.IMAGE_STREAM, stream.name());
    }
  }

  /** Rejects items that the tag does not have. Only imports, pushes and other tags add items. */
  private static void requireKnown(ImageStream before, Map<String, TagHistory> history) {
    history.forEach((tag, was) -> {
      if (!before.history(tag).items().containsAll(was.items())) {
        throw ApiException.invalid(
            Kinds.IMAGE_STREAM,
            before.name(),
            List.of(
                FieldError.invalid(
                    "status.tags[" + tag + "].items", tag, "items can be left out, not added")));
      }
    });
  }

  /**
   * Removes items from the histories of tags, as an external pruner does.
   *
   * @throws ApiException if the stream has changed since it was read, or the request has new items
   */
  public ImageStream updateStatus(String namespace, String name, Edit edit, boolean isDryRun)
      throws IOException {
    ImageStream before = streams.require(namespace, name);
    ObjectNode json = edit.apply(before);
    requireRead(before, json);
    Map<String, TagHistory> history = ImageStream.of(json).history();
    requireKnown(before, history);
    ImageStream after = before.withHistory(history);
    return isDryRun
        ? after
        : streams
            .tryReplace(before, after)
            .orElseThrow(() -> ApiException.modified(Kinds.IMAGE_STREAM, name));
  }
}
