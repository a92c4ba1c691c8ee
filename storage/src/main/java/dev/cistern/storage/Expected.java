package dev.cistern.storage;

/** What must be there of an object for a change to be made. */
public sealed interface Expected {
  /** Whatever is there, or is not. */
  record Anything() implements Expected {}

  /** Nothing. */
  record Absent() implements Expected {}

  /** What the change of this revision made of it. */
  record Revision(long number) implements Expected {}
}
