package dev.cistern.storage;

import dev.cistern.oci.Digest;
import java.time.Instant;

/**
 * The target of a stored tag.
 *
 * @param checked time at which an upstream last confirmed the tag; for a pushed tag, the time of
 *     the push
 */
public record StoredTag(Digest digest, Origin origin, Instant checked) {}
