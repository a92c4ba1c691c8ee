package dev.cistern.mirror;

import dev.cistern.storage.Blob;

/** What there is to send for a blob. The receiver releases or closes what it gets. */
public sealed interface BlobAnswer {
  /** Returns what the cache did. */
  CacheStatus status();

  /** It is here. */
  record Stored(Blob blob, CacheStatus status) implements BlobAnswer {}

  /** It is coming; its first bytes may be here. */
  record Filling(Fill fill, CacheStatus status) implements BlobAnswer {}

  /** It is coming for this one request, and is not kept. */
  record Passing(DirectBlob blob, CacheStatus status) implements BlobAnswer {}
}
