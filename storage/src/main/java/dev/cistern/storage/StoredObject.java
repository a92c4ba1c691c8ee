package dev.cistern.storage;

/**
 * An object as it is stored.
 *
 * @param revision of the change that made it so: greater than that of all changes before
 */
public record StoredObject(ObjectName name, long revision, String json) {}
