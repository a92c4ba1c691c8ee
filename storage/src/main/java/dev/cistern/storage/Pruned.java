package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.util.List;
import java.util.Map;

/** What came of a wish to take a manifest from a repository for good, with what only it needs. */
public sealed interface Pruned {
  /**
   * It is gone, or would be.
   *
   * @param unlinked the blobs that the repository does not reach any more
   * @param blobs the content that went with it, with its sizes in bytes
   */
  record Removed(List<Digest> unlinked, Map<Digest, Long> blobs) implements Pruned {
    public Removed {
      unlinked = List.copyOf(unlinked);
      blobs = Map.copyOf(blobs);
    }
  }

  /** The repository does not keep it. */
  record Absent() implements Pruned {}

  /** It stays: it is tagged, pinned, named by another manifest of the repository, or was used. */
  record Kept(String why) implements Pruned {}
}
