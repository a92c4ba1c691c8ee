package dev.cistern.storage;

import java.util.List;

/** Outcome of a change of objects. */
public sealed interface ObjectChange {
  /**
   * The change was made.
   *
   * @param objects stored or deleted objects, in the order of the edits, each with the revision of
   *     its change
   */
  record Done(List<StoredObject> objects) implements ObjectChange {
    public Done {
      objects = List.copyOf(objects);
    }
  }

  /**
   * Nothing was changed, because an object is not as expected or an object to be deleted does not
   * exist.
   *
   * @param name name of the first such object
   */
  record Conflict(ObjectName name) implements ObjectChange {}
}
