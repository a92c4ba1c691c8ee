package dev.cistern.storage;

import java.util.OptionalLong;

/**
 * The space usage of a store, and the content that was removed from it since it was opened.
 *
 * @param bytes bytes of content, of reservations of downloads, and of the index as last measured
 * @param reservedBytes bytes among these that running downloads have reserved
 * @param maxSize limit in bytes, if there is one
 * @param evictedBytes evicted bytes of blobs and unfinished downloads
 */
public record Usage(
    long bytes,
    long reservedBytes,
    OptionalLong maxSize,
    long evictedImages,
    long evictedBytes,
    long collectedBytes) {}
