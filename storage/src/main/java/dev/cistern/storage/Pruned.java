package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.util.List;
import java.util.Map;

/**
 * Result of removing a manifest, pushed or cached, from a repository together with the content that
 * only this manifest needs.
 */
public sealed interface Pruned {
  /**
   * The manifest was removed, or would be.
   *
   * @param unlinked blobs that the repository no longer links
   * @param blobs blobs that were removed with the manifest, with their sizes in bytes
   */
  record Removed(List<Digest> unlinked, Map<Digest, Long> blobs) implements Pruned {
    public Removed {
      unlinked = List.copyOf(unlinked);
      blobs = Map.copyOf(blobs);
    }
  }

  /** The repository does not link the manifest. */
  record Absent() implements Pruned {}

  /**
   * The manifest stays, for example because it is tagged, pinned, named by another manifest of the
   * repository, a referrer of one, or was used.
   */
  record Kept(String why) implements Pruned {}
}
