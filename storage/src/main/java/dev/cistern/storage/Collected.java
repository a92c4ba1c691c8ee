package dev.cistern.storage;

/**
 * Result of a garbage collection: the number of removed manifests, links and blobs, and the freed
 * bytes.
 */
public record Collected(int manifests, int links, int blobs, long bytes) {}
