package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.time.Instant;

/**
 * A dry run of prunes. Each prune returns the result that it would have after those before it, and
 * nothing is changed. Used by one thread at a time.
 */
public final class PruneTrial implements AutoCloseable {
  private final Index.Trial trial;
  private final Eviction eviction;

  PruneTrial(Index.Trial trial, Eviction eviction) {
    this.trial = trial;
    this.eviction = eviction;
  }

  /** Returns the result that {@link Repositories#prune} would return. */
  public Pruned prune(RepositoryName repository, Digest manifest, Instant notAfter)
      throws IOException {
    return eviction.tryPrune(trial, repository, manifest, notAfter);
  }

  @Override
  public void close() {
    trial.close();
  }
}
