package dev.cistern.storage;

import dev.cistern.base.StoredTime;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.LinkFact;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.rocksdb.RocksDBException;

/**
 * The times at which manifests were last requested, in memory until they are flushed. A use within
 * a minute of the known one changes nothing, so a hit costs one map lookup. Uses that a kill loses
 * only make an image look older than it is.
 */
final class Uses {
  private static final Duration STEP = Duration.ofMinutes(1);
  private static final int MOST = 1 << 16;
  private static final int MOST_A_CHANGE = 512;

  private final Index index;
  private final InstantSource clock;
  private final ConcurrentHashMap<Link, Instant> uses = new ConcurrentHashMap<>();

  Uses(Index index, InstantSource clock) {
    this.index = index;
    this.clock = clock;
  }

  /** A repository's link to a manifest. */
  record Link(RepositoryName repository, Digest digest) {
    byte[] key() {
      return Keys.manifestLink(repository, digest);
    }
  }

  /**
   * Records that a link is used now. Does not block. Nothing is recorded for a new link if there
   * are too many.
   */
  void touch(Link link) {
    Instant now = clock.instant();
    Instant known = uses.get(link);
    boolean isWorthIt =
        known == null
            ? uses.size() < MOST
            : known.plus(STEP).isBefore(now) || StoredTime.isUnknown(known, now);
    if (isWorthIt) {
      uses.put(link, now);
    }
  }

  /** Returns when the link was last used, given the time in its fact. */
  Instant last(Link link, Instant stored) {
    Instant known = uses.get(link);
    return known != null && isNews(known, stored) ? known : stored;
  }

  /** Returns whether a use is later than the stored one, or the stored time is unknown. */
  private boolean isNews(Instant used, Instant stored) {
    Instant now = clock.instant();
    return !StoredTime.isUnknown(used, now)
        && (used.isAfter(stored) || StoredTime.isUnknown(stored, now));
  }

  /** Moves the recorded uses to the index. */
  void flush() throws IOException {
    var entries = new ArrayList<>(Map.copyOf(uses).entrySet());
    for (int from = 0; from < entries.size(); from += MOST_A_CHANGE) {
      List<Map.Entry<Link, Instant>> some =
          entries.subList(from, Math.min(entries.size(), from + MOST_A_CHANGE));
      index.write(Index.Durability.VISIBLE, batch -> write(batch, some));
      some.forEach(entry -> uses.remove(entry.getKey(), entry.getValue()));
    }
  }

  private boolean write(Index.Batch batch, List<Map.Entry<Link, Instant>> entries)
      throws RocksDBException {
    for (Map.Entry<Link, Instant> entry : entries) {
      byte[] key = entry.getKey().key();
      byte[] value = batch.get(key);
      if (value != null) {
        LinkFact fact = LinkFact.decode(value);
        if (isNews(entry.getValue(), fact.lastUsed())) {
          batch.put(key, new LinkFact(fact.origin(), entry.getValue()).encoded());
        }
      }
    }
    return true;
  }
}
