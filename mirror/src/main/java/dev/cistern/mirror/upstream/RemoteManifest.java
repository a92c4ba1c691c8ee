package dev.cistern.mirror.upstream;

import dev.cistern.oci.Digest;
import dev.cistern.oci.LargeTexts;
import dev.cistern.oci.MediaType;
import java.util.Optional;

/**
 * A manifest as an upstream sent it; nothing in it has been verified. Close it when it is stored.
 *
 * @param place that it has if it is long
 */
public record RemoteManifest(
    Optional<MediaType> mediaType, Optional<Digest> digest, byte[] bytes, LargeTexts.Place place)
    implements AutoCloseable {
  @Override
  public void close() {
    place.close();
  }
}
