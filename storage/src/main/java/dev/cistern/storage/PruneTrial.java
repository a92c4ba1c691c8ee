package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.time.Instant;

/**
 * Prunes that are only tried: each says what would come of it after those before, and nothing is
 * changed. For one thread at a time.
 */
public final class PruneTrial implements AutoCloseable {
  private final Index.Trial trial;
  private final Eviction eviction;

  PruneTrial(Index.Trial trial, Eviction eviction) {
    this.trial = trial;
    this.eviction = eviction;
  }

  /** Returns what {@link Repositories#prune} would. */
  public Pruned prune(RepositoryName repository, Digest manifest, Instant notAfter)
      throws IOException {
    return eviction.tryPrune(trial, repository, manifest, notAfter);
  }

  @Override
  public void close() {
    trial.close();
  }
}
