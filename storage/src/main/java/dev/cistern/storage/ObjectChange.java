package dev.cistern.storage;

import java.util.List;

/** What became of a change of objects. */
public sealed interface ObjectChange {
  /**
   * It was made.
   *
   * @param objects what was put or deleted, in the order of the edits, each with the revision of
   *     its change
   */
  record Done(List<StoredObject> objects) implements ObjectChange {
    public Done {
      objects = List.copyOf(objects);
    }
  }

  /**
   * Nothing of it was: of one object something else is there than was expected, or nothing to be
   * deleted.
   *
   * @param name of the first such object
   */
  record Conflict(ObjectName name) implements ObjectChange {}
}
