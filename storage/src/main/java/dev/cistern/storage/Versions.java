package dev.cistern.storage;

import dev.cistern.oci.RepositoryName;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A counter for each repository that changes after every change that makes an earlier answer wrong,
 * such as a moved tag or a deletion. Repositories share counters, so a counter may change without
 * need. It never fails to change.
 */
final class Versions {
  private static final int COUNTERS = 4096;

  private final AtomicLongArray counters = new AtomicLongArray(COUNTERS);

  long of(RepositoryName repository) {
    return counters.get(slot(repository));
  }

  void changed(RepositoryName repository) {
    counters.incrementAndGet(slot(repository));
  }

  private static int slot(RepositoryName repository) {
    int hash = repository.path().hashCode();
    return (hash ^ hash >>> 16) & (COUNTERS - 1);
  }
}
