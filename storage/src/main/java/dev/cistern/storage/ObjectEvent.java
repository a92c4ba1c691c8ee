package dev.cistern.storage;

import java.util.Optional;

/**
 * A change of one object that was made.
 *
 * @param revision revision of the change
 * @param before JSON before the change; empty if the object was created
 * @param after JSON after the change; empty if the object was removed
 */
public record ObjectEvent(
    long revision, ObjectName name, Optional<String> before, Optional<String> after) {}
