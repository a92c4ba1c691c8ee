package dev.cistern.storage;

/** Precondition of a change to a stored object. */
public sealed interface Expected {
  /** No precondition: the object may or may not exist. */
  record Anything() implements Expected {}

  /** The object must not exist. */
  record Absent() implements Expected {}

  /** The last change of the object must have this revision. */
  record Revision(long number) implements Expected {}
}
