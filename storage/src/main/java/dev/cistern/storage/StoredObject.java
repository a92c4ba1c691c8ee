package dev.cistern.storage;

/**
 * A stored object.
 *
 * @param revision revision of the change that stored this state; greater than those of all earlier
 *     changes
 */
public record StoredObject(ObjectName name, long revision, String json) {}
