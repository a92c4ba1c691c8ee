package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;

/** A manifest as it is kept: the bytes exactly as they came. */
public record StoredManifest(Digest digest, MediaType mediaType, byte[] bytes) {}
