package dev.cistern.storage;

import java.util.Optional;

/** What became of a change of an object. */
public sealed interface ObjectChange {
  /**
   * It was made.
   *
   * @param object what was put, or what was deleted; with the revision of this change
   */
  record Done(StoredObject object) implements ObjectChange {}

  /**
   * It was not: something else is there than was expected, or nothing to be deleted.
   *
   * @param current what is there instead
   */
  record Conflict(Optional<StoredObject> current) implements ObjectChange {}
}
