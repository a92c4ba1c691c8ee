package dev.cistern.mirror;

/**
 * Length of a blob, and how the cache determined it.
 *
 * @param bytes the length in bytes, or -1 if the upstream has the blob but does not report its
 *     length
 */
public record BlobSize(long bytes, CacheStatus status) {}
