package dev.cistern.storage;

import java.util.OptionalLong;

/**
 * How full a store is, and what was removed from it since it was opened.
 *
 * @param bytes of content, of room held for downloads, and of the index as last measured
 * @param reservedBytes of that room, which downloads that run will need
 * @param maxSize the limit in bytes, if there is one
 * @param evictedBytes of blobs and unfinished downloads
 */
public record Usage(
    long bytes,
    long reservedBytes,
    OptionalLong maxSize,
    long evictedImages,
    long evictedBytes,
    long collectedBytes) {}
