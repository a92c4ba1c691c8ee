package dev.cistern.storage;

import dev.cistern.oci.Digest;

/** Result of purging a cached image. */
public sealed interface Purge {
  /**
   * The image was removed.
   *
   * @param bytes bytes of the blobs that were removed with it
   */
  record Purged(long bytes) implements Purge {}

  /** The repository has no such tag or manifest. */
  record Absent() implements Purge {}

  /** The image was pushed and cannot be fetched again, so it can be deleted but not purged. */
  record Pushed() implements Purge {}

  /** The image is pinned, or a pinned manifest names it. */
  record Pinned() implements Purge {}

  /**
   * Another manifest of the repository names the image and would be incomplete without it.
   *
   * @param by digest of that manifest
   */
  record Named(Digest by) implements Purge {}

  /** A blob of the image is being read. */
  record Read(Digest blob) implements Purge {}

  /**
   * An earlier version of Cistern stored a manifest of the image, and the digests that it names are
   * not known yet.
   */
  record NotKnown(Digest manifest) implements Purge {}
}
