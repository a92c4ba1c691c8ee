package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.time.Instant;

/**
 * Where a tag points.
 *
 * @param checked when an upstream last confirmed it; for a pushed tag, when it was pushed
 */
public record StoredTag(Digest digest, Origin origin, Instant checked) {}
