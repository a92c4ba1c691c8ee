package dev.cistern.storage;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import java.io.IOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.PriorityQueue;

/**
 * An iteration over entries of the index in the order of their last use, the oldest first. It works
 * for any number of entries: only one page of at most {@link #MOST} entries is in memory, and the
 * next page is read when that one is used up.
 */
final class Oldest {
  private static final int MOST = 10_000;

  /** Reader of a page: the oldest entries after a given entry, or from the beginning. */
  interface Pages {
    void read(Oldest into, Optional<Entry> after) throws IOException;
  }

  /** An entry of the index, by its key, and the time of its last use. */
  record Entry(Instant lastUsed, byte[] key) {
    private static final Comparator<Entry> ORDER =
        Comparator.comparing(Entry::lastUsed).thenComparing(Entry::key, Arrays::compareUnsigned);

    boolean isAfter(Entry other) {
      return ORDER.compare(this, other) > 0;
    }

    /** Returns the repository of an entry that is a manifest link. */
    RepositoryName repository() {
      return Keys.scopeOf(key);
    }

    /** Returns the manifest of an entry that is a manifest link. */
    Digest manifest() {
      return Keys.digestIn(repository(), key);
    }

    /** Returns the digest of an entry that is a blob. */
    Digest blob() {
      return Keys.digestAfter(1, key);
    }
  }

  private final Pages pages;
  private final PriorityQueue<Entry> page = new PriorityQueue<>(Entry.ORDER.reversed());
  private final PriorityQueue<Entry> waiting = new PriorityQueue<>(Entry.ORDER);
  private Optional<Entry> last = Optional.empty();
  private boolean isLastPage;

  private Oldest(Pages pages) {
    this.pages = pages;
  }

  /** Returns the links of cached manifests, by the time of their last use. */
  static Oldest cachedManifests(Index index) {
    return new Oldest((into, after) ->
        index.walk(
            Keys.family(Keys.MANIFEST_LINK),
            (key, value) -> {
              LinkFact fact = LinkFact.decode(value);
              if (fact.origin() == Origin.CACHED) {
                into.offer(new Entry(fact.lastUsed(), key), after);
              }
            }));
  }

  /** Returns the blobs that no manifest names, by the time at which they were stored. */
  static Oldest unnamedBlobs(Index index) {
    return new Oldest((into, after) ->
        index.walk(
            Keys.family(Keys.BLOB),
            (key, value) -> {
              if (!index.hasAny(Keys.namers(Keys.digestAfter(1, key)))) {
                into.offer(new Entry(BlobFact.decode(value).lastUsed(), key), after);
              }
            }));
  }

  /**
   * Returns the blobs, by the time of their last verification. A time in the future counts as
   * never.
   */
  static Oldest verifiedBlobs(Index index, Instant now) {
    return new Oldest((into, after) ->
        index.walk(
            Keys.family(Keys.BLOB),
            (key, value) -> {
              BlobFact fact = BlobFact.decode(value);
              Digest digest = Keys.digestAfter(1, key);
              into.offer(new Entry(Blobs.lastVerified(index, digest, fact, now), key), after);
            }));
  }

  /** Returns the next entry, or empty at the end. */
  Optional<Entry> next() throws IOException {
    while (!isLastPage && (waiting.isEmpty() || isBeyondPage(waiting.element()))) {
      pages.read(this, last);
      isLastPage = page.size() < MOST;
      last = page.isEmpty() ? last : Optional.of(page.element());
      waiting.addAll(page);
      page.clear();
    }
    return Optional.ofNullable(waiting.poll());
  }

  /** Puts back an entry that turned out to be used later than the index states. */
  void later(Entry entry, Instant lastUsed) {
    waiting.add(new Entry(lastUsed, entry.key()));
  }

  private boolean isBeyondPage(Entry entry) {
    return last.isEmpty() || entry.isAfter(last.get());
  }

  private void offer(Entry entry, Optional<Entry> after) {
    if (after.isPresent() && !entry.isAfter(after.get())) {
      return;
    }
    page.add(entry);
    if (page.size() > MOST) {
      page.remove();
    }
  }
}
