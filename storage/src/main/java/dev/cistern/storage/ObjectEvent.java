package dev.cistern.storage;

import java.util.Optional;

/**
 * A change of one object, as it was made.
 *
 * @param revision of the change
 * @param before the JSON that was there; empty if the object was made
 * @param after the JSON that is there; empty if the object was removed
 */
public record ObjectEvent(
    long revision, ObjectName name, Optional<String> before, Optional<String> after) {}
