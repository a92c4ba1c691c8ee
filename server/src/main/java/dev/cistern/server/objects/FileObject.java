package dev.cistern.server.objects;

import dev.cistern.storage.ObjectName;

/**
 * An object of a file.
 *
 * @param file how people know it
 */
public record FileObject(ObjectName name, String json, String file) {}
