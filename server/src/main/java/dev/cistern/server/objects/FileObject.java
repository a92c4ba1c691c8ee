package dev.cistern.server.objects;

import dev.cistern.storage.ObjectName;

/**
 * An object of a file.
 *
 * @param file the name of the file for users
 */
public record FileObject(ObjectName name, String json, String file) {}
