package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;

/** A stored manifest, with its bytes exactly as they were received. */
public record StoredManifest(Digest digest, MediaType mediaType, byte[] bytes) {}
