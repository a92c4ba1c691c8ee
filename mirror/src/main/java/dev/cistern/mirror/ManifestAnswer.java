package dev.cistern.mirror;

import dev.cistern.storage.StoredManifest;

/** A manifest to send, and what the cache did for it. */
public record ManifestAnswer(StoredManifest manifest, CacheStatus status) {}
