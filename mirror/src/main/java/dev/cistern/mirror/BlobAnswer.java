package dev.cistern.mirror;

import dev.cistern.storage.Blob;

/** Result of requesting a blob. The receiver releases or closes the contained blob or fill. */
public sealed interface BlobAnswer {
  /** Returns how the cache handled the request. */
  CacheStatus status();

  /** The blob is stored. */
  record Stored(Blob blob, CacheStatus status) implements BlobAnswer {}

  /** The blob is being downloaded into the store; its first bytes may be available. */
  record Filling(Fill fill, CacheStatus status) implements BlobAnswer {}

  /** The blob is passed through for this request alone, and not stored. */
  record Passing(DirectBlob blob, CacheStatus status) implements BlobAnswer {}
}
