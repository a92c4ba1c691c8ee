package dev.cistern.server.api;

import dev.cistern.server.objects.ApiException;
import dev.cistern.server.objects.ClusterObjects;
import dev.cistern.server.objects.FieldError;
import dev.cistern.server.objects.Kinds;
import dev.cistern.server.objects.Meta;
import dev.cistern.server.objects.ResourceType;
import dev.cistern.storage.ObjectEdit;
import dev.cistern.storage.StoredObject;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A resource whose objects are stored as sent, after validation by their kind. */
final class StoredResource
    implements Resource.Gets, Resource.Shows, Resource.Creates, Resource.Updates, Resource.Deletes {
  private static final int MOST_TRIES = 10;
  private static final Pattern NAME = Pattern.compile("(?!\\.\\.?$)[!-$&-.0-~]{1,253}");

  private final ResourceType type;
  private final Access access;
  private final ClusterObjects objects;
  private final List<Column> columns;
  private final Kind kind;

  StoredResource(
      ResourceType type, Access access, ClusterObjects objects, List<Column> columns, Kind kind) {
    this.type = type;
    this.access = access;
    this.objects = objects;
    this.columns = List.copyOf(columns);
    this.kind = kind;
  }

  /** The behavior that is specific to a kind. */
  interface Kind {
    /** A kind without validation, whose changes have no further effect. */
    Kind PLAIN = object -> {};

    /**
     * Validates an object before it is stored; may complete it.
     *
     * @throws ApiException if the object is invalid
     */
    void check(ObjectNode object);

    /** Puts the stored objects into effect. */
    default void changed() throws IOException {}
  }

  @Override
  public ResourceType type() {
    return type;
  }

  @Override
  public ResourceType stored() {
    return type;
  }

  @Override
  public Access access() {
    return access;
  }

  @Override
  public List<Column> columns() {
    return columns;
  }

  @Override
  public Stream<ObjectNode> views(ObjectNode stored, Call call) {
    return Stream.of(stored);
  }

  @Override
  public ObjectNode get(Call call) {
    return objects.require(type, call.namespace().orElse(""), call.requiredName());
  }

  @Override
  public ObjectNode create(Call call, ObjectNode object) throws IOException {
    if (!Meta.resourceVersion(object).isEmpty()) {
      throw ApiException.badRequest("resourceVersion should not be set on objects to be created");
    }
    String namespace = call.namespace().orElse("");
    if (type.isNamespaced() && !objects.hasNamespace(namespace)) {
      throw ApiException.notFound(Kinds.NAMESPACE, namespace);
    }
    ObjectNode made = objects.born(type, namespace, object);
    check(made);
    String name = Meta.name(made);
    if (objects.get(type, namespace, name).isPresent()) {
      throw ApiException.alreadyExists(type, name);
    }
    if (call.isDryRun()) {
      return made;
    }
    return done(ClusterObjects.creation(type, made))
        .orElseThrow(() -> ApiException.alreadyExists(type, name));
  }

  private void check(ObjectNode object) {
    var errors = new ArrayList<FieldError>();
    String name = Meta.name(object);
    if (name.isEmpty()) {
      errors.add(FieldError.required("metadata.name", "name or generateName is required"));
    } else if (!NAME.matcher(name).matches()) {
      errors.add(
          FieldError.invalid(
              "metadata.name",
              name,
              "may not contain '/', '%' and others, at most 253 characters"));
    }
    if (!errors.isEmpty()) {
      throw ApiException.invalid(type, name, errors);
    }
    kind.check(object);
  }

  private Optional<ObjectNode> done(ObjectEdit edit) throws IOException {
    Optional<List<StoredObject>> done = objects.change(type, List.of(edit));
    if (done.isEmpty()) {
      return Optional.empty();
    }
    kind.changed();
    StoredObject object = done.get().getFirst();
    return Optional.of(ClusterObjects.parsed(type, object.json(), object.revision()));
  }

  @Override
  public Updated update(Call call, Edit edit) throws IOException {
    String namespace = call.namespace().orElse("");
    for (int i = 0; i < MOST_TRIES; i++) {
      Optional<ObjectNode> before = objects.get(type, namespace, call.requiredName());
      if (before.isEmpty() && edit.makes()) {
        ObjectNode empty = Meta.empty(type);
        Meta.of(empty).put("name", call.requiredName());
        return new Updated(create(call, edit.apply(empty)), true);
      }
      ObjectNode old = before.orElseThrow(() -> ApiException.notFound(type, call.requiredName()));
      ObjectNode wanted = edit.apply(old.deepCopy());
      String version = Meta.resourceVersion(wanted);
      boolean isUnconditional = version.isEmpty();
      if (!isUnconditional && !version.equals(Meta.resourceVersion(old))) {
        throw ApiException.modified(type, call.requiredName());
      }
      ObjectNode next = same(old, wanted);
      check(next);
      objects.requireNotOfFile(type, type.name(namespace, call.requiredName()));
      if (next.equals(old) || call.isDryRun()) {
        return new Updated(next, false);
      }
      Optional<ObjectNode> stored = done(ClusterObjects.replacement(type, next));
      if (stored.isPresent()) {
        return new Updated(stored.get(), false);
      }
      if (!isUnconditional && !edit.makes()) {
        throw ApiException.modified(type, call.requiredName());
      }
    }
    throw ApiException.modified(type, call.requiredName());
  }

  /** Returns the requested object, with its immutable metadata unchanged. */
  private ObjectNode same(ObjectNode old, ObjectNode wanted) {
    ObjectNode next = Meta.ordered(type, wanted);
    ObjectNode metadata = Meta.of(next);
    metadata.remove("managedFields");
    for (String key : List.of("name", "namespace", "uid", "creationTimestamp", "resourceVersion")) {
      JsonNode value = old.path("metadata").path(key);
      if (value.isMissingNode()) {
        metadata.remove(key);
      } else {
        metadata.set(key, value);
      }
    }
    return next;
  }

  @Override
  public ObjectNode delete(Call call, DeleteOptions options) throws IOException {
    String namespace = call.namespace().orElse("");
    String name = call.requiredName();
    for (int i = 0; i < MOST_TRIES; i++) {
      ObjectNode old = objects.require(type, namespace, name);
      requirePreconditions(type, old, options);
      objects.requireNotOfFile(type, type.name(namespace, name));
      if (ClusterObjects.isBuiltIn(old)) {
        throw ApiException.conflict(
            type, name, "nobody made it, it is there by itself and cannot be deleted");
      }
      if (call.isDryRun() || done(ClusterObjects.removal(type, old)).isPresent()) {
        return Api.success(type, name, Meta.text(old, "uid"));
      }
    }
    throw ApiException.modified(type, name);
  }

  /**
   * Refuses to delete an object that does not meet the preconditions.
   *
   * @throws ApiException if UID or resource version differ
   */
  static void requirePreconditions(ResourceType type, JsonNode object, DeleteOptions options) {
    for (String key : List.of("uid", "resourceVersion")) {
      String wanted = options.precondition(key);
      String there = Meta.text(object, key);
      if (!wanted.isEmpty() && !wanted.equals(there)) {
        throw ApiException.conflict(
            type,
            Meta.name(object),
            "Precondition failed: %s in precondition: %s, %s in object meta: %s"
                .formatted(
                    key.equals("uid") ? "UID" : "ResourceVersion",
                    wanted,
                    key.equals("uid") ? "UID" : "ResourceVersion",
                    there));
      }
    }
  }
}
