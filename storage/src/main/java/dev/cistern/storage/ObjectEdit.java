package dev.cistern.storage;

/** An edit of one object, which is made only if the stored object is as expected. */
public sealed interface ObjectEdit {
  ObjectName name();

  Expected expected();

  /** An edit that stores the object. */
  record Put(ObjectName name, String json, Expected expected) implements ObjectEdit {}

  /** An edit that removes the object, which must exist. */
  record Delete(ObjectName name, Expected expected) implements ObjectEdit {}
}
