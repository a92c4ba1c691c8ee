package dev.cistern.mirror.upstream;

import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;
import java.util.Optional;

/** A manifest as an upstream sent it; nothing in it has been verified. */
public record RemoteManifest(
    Optional<MediaType> mediaType, Optional<Digest> digest, byte[] bytes) {}
