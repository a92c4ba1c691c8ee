package dev.cistern.storage;

/** What is to be done with one object, if what is there is as expected. */
public sealed interface ObjectEdit {
  ObjectName name();

  Expected expected();

  /** Stores it. */
  record Put(ObjectName name, String json, Expected expected) implements ObjectEdit {}

  /** Removes it; it must be there. */
  record Delete(ObjectName name, Expected expected) implements ObjectEdit {}
}
