package dev.cistern.mirror.upstream;

import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;
import java.util.Optional;

/**
 * A manifest as an upstream sent it. None of its content has been verified. Close it once the
 * manifest is stored.
 *
 * @param lease the memory of the bytes
 * @param tree the memory of the parsed bytes
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
