package dev.cistern.storage;

import dev.cistern.oci.Digest;

/** What came of a wish to remove a cached image. */
public sealed interface Purge {
  /** It is removed; so many bytes of blobs went with it. */
  record Purged(long bytes) implements Purge {}

  /** There is no such tag or manifest. */
  record Absent() implements Purge {}

  /** It was pushed here and cannot be fetched again: it is deleted, not purged. */
  record Pushed() implements Purge {}

  /** It is pinned, or something that is pinned names it. */
  record Pinned() implements Purge {}

  /** Another manifest of the repository names it, and would not be whole without it. */
  record Named(Digest by) implements Purge {}

  /** This part of it is being read. */
  record Read(Digest blob) implements Purge {}

  /** An earlier version of Cistern stored this part of it, and what it names is not known yet. */
  record NotKnown(Digest manifest) implements Purge {}
}
