package dev.cistern.server.api;

import dev.cistern.auth.access.Verb;
import dev.cistern.server.objects.ResourceType;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A kind of objects as the API serves it. The nested interfaces that it implements determine its
 * actions, and discovery lists them.
 */
interface Resource {
  ResourceType type();

  Access access();

  /**
   * The verbs that actions on a resource require.
   *
   * @param read the verb for reads; empty if every caller may read
   * @param create the verb for creation; empty if every caller may create, for kinds that only
   *     query
   */
  record Access(Optional<Verb> read, Optional<Verb> create, Verb update, Verb delete) {
    /** Access for administrators. */
    static final Access ADMINISTRATORS =
        new Access(
            Optional.of(Verb.ADMINISTER),
            Optional.of(Verb.ADMINISTER),
            Verb.ADMINISTER,
            Verb.ADMINISTER);

    /**
     * Access for every caller, limited to the caller's own objects; changes require an
     * administrator.
     */
    static final Access OWN =
        new Access(
            Optional.empty(), Optional.of(Verb.ADMINISTER), Verb.ADMINISTER, Verb.ADMINISTER);

    /** Access for every caller with the right to read; changes require an administrator. */
    static final Access SEEN =
        new Access(
            Optional.of(Verb.READ), Optional.of(Verb.ADMINISTER), Verb.ADMINISTER, Verb.ADMINISTER);
  }

  /** A resource whose objects can be read one by one. */
  interface Gets extends Resource {
    ObjectNode get(Call call) throws IOException;
  }

  /** A resource whose stored objects can be listed and watched. */
  interface Shows extends Resource {
    /** Returns the kind of the stored objects. */
    ResourceType stored();

    /**
     * Returns the views of a stored object: the object itself, or its parts in the order of their
     * names. Each view is created when it is consumed.
     */
    Stream<ObjectNode> views(ObjectNode stored, Call call);

    /** Returns the columns of a table of these objects. */
    List<Column> columns();

    /** Returns whether some objects may be hidden from some callers. */
    default boolean hidesSome() {
      return false;
    }

    /** Returns whether a caller sees an object of a kind of which some objects may be hidden. */
    default boolean isShown(JsonNode object, Call call) {
      return true;
    }
  }

  /** A resource that answers a list request without listing objects. */
  interface Answers extends Resource {
    ObjectNode answer(Call call) throws IOException;
  }

  /** A resource whose objects can be created. */
  interface Creates extends Resource {
    ObjectNode create(Call call, ObjectNode object) throws IOException;
  }

  /** A resource whose objects can be changed. */
  interface Updates extends Resource {
    /** Returns the object after the change; creates a missing object if the edit allows it. */
    Updated update(Call call, Edit edit) throws IOException;
  }

  /** An object after a change. */
  record Updated(ObjectNode object, boolean isNew) {}

  /** A change of an object. */
  interface Edit {
    /**
     * Returns the changed object.
     *
     * @param before the object before the change
     */
    ObjectNode apply(ObjectNode before);

    /** Returns whether a missing object is created. */
    boolean makes();
  }

  /** A resource whose objects can be deleted. */
  interface Deletes extends Resource {
    /** Returns the response: the deleted object, or a {@code Status}. */
    ObjectNode delete(Call call, DeleteOptions options) throws IOException;
  }
}
