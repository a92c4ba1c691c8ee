package dev.cistern.storage;

/** What a garbage collection removed. */
public record Collected(int manifests, int links, int blobs, long bytes) {}
