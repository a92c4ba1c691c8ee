package dev.cistern.mirror;

import dev.cistern.storage.StoredManifest;

/** A manifest to send, and how the cache handled the request. */
public record ManifestAnswer(StoredManifest manifest, CacheStatus status) {}
