package dev.cistern.mirror;

/**
 * How long a blob is, and what the cache did to know it.
 *
 * @param bytes -1 if its upstream has it but does not say
 */
public record BlobSize(long bytes, CacheStatus status) {}
