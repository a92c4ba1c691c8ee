package dev.cistern.server.config;

import dev.cistern.auth.access.Binding;

/**
 * A binding as it was found.
 *
 * @param name of the object; empty if it has none
 * @param source the file it is in
 */
public record NamedBinding(String name, String source, Binding binding) {}
