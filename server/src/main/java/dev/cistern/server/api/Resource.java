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
 * One kind of objects, as the API serves it. What can be done with it is which of the interfaces
 * below it implements; discovery says so.
 */
interface Resource {
  ResourceType type();

  Access access();

  /**
   * Who may.
   *
   * @param read for what only reads; empty if everybody may
   * @param create empty if everybody may: for what only asks
   */
  record Access(Optional<Verb> read, Optional<Verb> create, Verb update, Verb delete) {
    /** For those who administer. */
    static final Access ADMINISTRATORS =
        new Access(
            Optional.of(Verb.ADMINISTER),
            Optional.of(Verb.ADMINISTER),
            Verb.ADMINISTER,
            Verb.ADMINISTER);

    /** For everybody, who is shown what is his own; changes are for those who administer. */
    static final Access OWN =
        new Access(
            Optional.empty(), Optional.of(Verb.ADMINISTER), Verb.ADMINISTER, Verb.ADMINISTER);

    /** For everybody who may see what there is; changes are for those who administer. */
    static final Access SEEN =
        new Access(
            Optional.of(Verb.READ), Optional.of(Verb.ADMINISTER), Verb.ADMINISTER, Verb.ADMINISTER);
  }

  /** Returns one object. */
  interface Gets extends Resource {
    ObjectNode get(Call call) throws IOException;
  }

  /** Shows stored objects, as a list and as they change. */
  interface Shows extends Resource {
    /** Returns the kind of the stored objects. */
    ResourceType stored();

    /**
     * Returns what is shown of a stored object: itself, or parts of it in the order of their names.
     * Each is made when it is asked for.
     */
    Stream<ObjectNode> views(ObjectNode stored, Call call);

    /** Returns what a table says of an object. */
    List<Column> columns();

    /** Says whether some objects may be hidden from some callers. */
    default boolean hidesSome() {
      return false;
    }

    /** Says whether a caller sees an object of a kind of which some may be hidden. */
    default boolean isShown(JsonNode object, Call call) {
      return true;
    }
  }

  /** Answers where others list. */
  interface Answers extends Resource {
    ObjectNode answer(Call call) throws IOException;
  }

  /** Makes an object. */
  interface Creates extends Resource {
    ObjectNode create(Call call, ObjectNode object) throws IOException;
  }

  /** Changes an object. */
  interface Updates extends Resource {
    /** Returns the object as it is then; makes it if there is none and the edit says so. */
    Updated update(Call call, Edit edit) throws IOException;
  }

  /** An object after a change. */
  record Updated(ObjectNode object, boolean isNew) {}

  /** What an object is to be. */
  interface Edit {
    /**
     * Decides.
     *
     * @param before the object as it is
     */
    ObjectNode apply(ObjectNode before);

    /** Says whether an object that is not there is to be made of nothing. */
    boolean makes();
  }

  /** Removes an object. */
  interface Deletes extends Resource {
    /** Returns what is said of it: the object that was, or a {@code Status}. */
    ObjectNode delete(Call call, DeleteOptions options) throws IOException;
  }
}
