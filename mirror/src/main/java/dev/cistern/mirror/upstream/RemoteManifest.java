package dev.cistern.mirror.upstream;

import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;
import java.util.Optional;

/**
 * A manifest as an upstream sent it; nothing in it has been verified. Close it when it is stored.
 *
 * @param lease for the bytes
 * @param tree for what is parsed from them
 */
public record RemoteManifest(
    Optional<MediaType> mediaType, Optional<Digest> digest, byte[] bytes, Lease lease, Lease tree)
    implements AutoCloseable {
  @Override
  public void close() {
    tree.close();
    lease.close();
  }
}
