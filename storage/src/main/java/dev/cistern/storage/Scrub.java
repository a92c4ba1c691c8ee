package dev.cistern.storage;

import dev.cistern.base.StoredTime;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.ManifestFact;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The background verification of stored content, repeated without end. The least recently verified
 * content is verified first. The time at which a blob was verified is a fact, so a run continues
 * where an earlier process stopped.
 *
 * <p>One thread at a time calls {@link #run}; all threads may read the counts. Memory is bounded by
 * 10,000 keys and one buffer.
 */
public final class Scrub {
  private static final Logger LOG = LoggerFactory.getLogger(Scrub.class);
  private static final int MAX_DAMAGED_IN_A_ROW = 10;
  private static final Duration PAUSE = Duration.ofMinutes(10);

  private final Index index;
  private final Blobs blobs;
  private final Repositories repositories;
  private final InstantSource clock;
  private final LongAdder bytes = new LongAdder();

  Scrub(Index index, Blobs blobs, Repositories repositories, InstantSource clock) {
    this.index = index;
    this.blobs = blobs;
    this.repositories = repositories;
    this.clock = clock;
  }

  /** Returns the number of bytes that were read since the store was opened. */
  public long bytes() {
    return bytes.sum();
  }

  /**
   * Returns the time at which a run last ended with no content due for verification; empty if none
   * did.
   */
  public Optional<Instant> lastComplete() {
    return Optional.ofNullable(index.get(Keys.family(Keys.VERIFIED)))
        .map(value -> Instant.ofEpochMilli(Blobs.bytes(value)));
  }

  /**
   * Verifies content that is due, until none is left or {@code mayGoOn} returns false. An interrupt
   * ends it too.
   *
   * @param mayGoOn whether to continue, called before each blob
   * @return the time at which content is due next; not later than now if {@code mayGoOn} ended the
   *     run; 10 minutes from now if 10 blobs in a row were damaged
   * @throws IOException if content cannot be read for a reason other than its own damage
   */
  public Instant run(ScrubSettings settings, BooleanSupplier mayGoOn) throws IOException {
    Instant now = clock.instant();
    Instant limit = now.minus(settings.every());
    BlobVerifier.Pace pace = counted(new Pace(settings.rate()));
    int damagedInARow = 0;
    boolean isAnyVerified = false;
    Oldest oldest = Oldest.verifiedBlobs(index, now);
    Instant next = now.plus(settings.every());
    for (Optional<Oldest.Entry> entry = oldest.next(); entry.isPresent(); entry = oldest.next()) {
      if (entry.get().lastUsed().isAfter(limit)) {
        next = entry.get().lastUsed().plus(settings.every());
        break;
      }
      if (!mayGoOn.getAsBoolean()) {
        return now;
      }
      boolean isDamaged = blobs.verify(entry.get().blob(), pace).isPresent();
      damagedInARow = isDamaged ? damagedInARow + 1 : 0;
      isAnyVerified = true;
      if (damagedInARow == MAX_DAMAGED_IN_A_ROW) {
        LOG.atError()
            .addKeyValue("blobs", damagedInARow)
            .addKeyValue("retryInMs", PAUSE.toMillis())
            .log("scrub paused, look at the disk");
        return now.plus(PAUSE);
      }
    }
    boolean isDue =
        lastComplete()
            .filter(last -> last.isAfter(limit) && !StoredTime.isUnknown(last, now))
            .isEmpty();
    if (isAnyVerified || isDue) {
      manifests(pace);
      complete();
    }
    return next;
  }

  private BlobVerifier.Pace counted(BlobVerifier.Pace pace) {
    return count -> {
      pace.spend(count);
      bytes.add(count);
    };
  }

  /** Hashes all stored manifests, and records the damage of those that a repository links. */
  private void manifests(BlobVerifier.Pace pace) throws IOException {
    byte[] family = Keys.family(Keys.MANIFEST);
    index.walk(
        family,
        (key, value) -> {
          pace.spend(value.length);
          Digest digest = Keys.digestAfter(1, key);
          if (!ManifestFact.isOf(value, digest)) {
            noteDamage(digest);
          }
        });
  }

  private void noteDamage(Digest digest) throws IOException {
    byte[] prefix = Keys.keepers(digest);
    index.walk(
        prefix,
        (key, value) ->
            repositories.manifest(new RepositoryName(Keys.textAfter(prefix.length, key)), digest));
  }

  private void complete() throws IOException {
    byte[] now = Blobs.bytes(clock.instant().toEpochMilli());
    index.put(Index.Durability.VISIBLE, Keys.family(Keys.VERIFIED), now);
    LOG.atInfo().addKeyValue("bytes", bytes()).log("all content verified");
  }
}
