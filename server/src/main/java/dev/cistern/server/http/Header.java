package dev.cistern.server.http;

/** A header field of a reply. */
public record Header(String name, String value) {}
