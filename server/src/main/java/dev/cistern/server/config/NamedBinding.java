package dev.cistern.server.config;

import dev.cistern.auth.access.Binding;

/**
 * A binding and the object that it comes from.
 *
 * @param name the name of the object; empty if it has none
 * @param source the file that contains the object
 */
public record NamedBinding(String name, String source, Binding binding) {}
