package dev.cistern.storage;

import dev.cistern.base.StoredTime;
import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** State that the parts of one check of the store share. Used by one thread. */
final class CheckRun {
  private static final int MAX_REPOSITORIES = 20;
  private static final int MAX_COUNTED_REPOSITORIES = 10_000;
  private static final int THINGS_PER_PROGRESS = 1_000;
  private static final long BYTES_PER_PROGRESS = 64L << 20;

  private final Layout layout;
  private final Index index;
  private final Blobs blobs;
  private final Quarantine quarantine;
  private final Space space;
  private final DamagedContent damaged;
  private final StoreCheck.Order order;
  private final StoreCheck.Report report;
  private final BlobVerifier.Pace pace;
  private final Instant now;
  private long things;
  private long bytes;
  private long reportedBytes;

  CheckRun(
      Layout layout,
      Index index,
      Blobs blobs,
      Quarantine quarantine,
      Space space,
      DamagedContent damaged,
      StoreCheck.Order order,
      StoreCheck.Report report,
      Instant now) {
    this.layout = layout;
    this.index = index;
    this.blobs = blobs;
    this.quarantine = quarantine;
    this.space = space;
    this.damaged = damaged;
    this.order = order;
    this.report = report;
    this.now = now;
    this.pace =
        order.rate().isPresent() ? new Pace(order.rate().getAsLong()) : BlobVerifier.Pace.NONE;
  }

  /** Repositories that link a digest: the first of them, and the number of further ones. */
  record Namers(List<RepositoryName> first, int more) {}

  Layout layout() {
    return layout;
  }

  Index index() {
    return index;
  }

  Blobs blobs() {
    return blobs;
  }

  Quarantine quarantine() {
    return quarantine;
  }

  Space space() {
    return space;
  }

  DamagedContent damaged() {
    return damaged;
  }

  boolean readsContent() {
    return order.digests();
  }

  boolean isRepair() {
    return order.isRepair();
  }

  /** Returns the time at which the check began. */
  Instant now() {
    return now;
  }

  boolean isFuture(Instant stored) {
    return StoredTime.isUnknown(stored, now);
  }

  StoreCheck.Report report() {
    return report;
  }

  StoreCheck.Progress progress() {
    return new StoreCheck.Progress(things, bytes);
  }

  /**
   * Counts a fact or file that is examined.
   *
   * @throws InterruptedIOException if the thread was interrupted
   */
  void look() throws IOException {
    if (Thread.currentThread().isInterrupted()) {
      throw new InterruptedIOException("the check was interrupted");
    }
    if (++things % THINGS_PER_PROGRESS == 0) {
      report.progress(progress());
    }
  }

  /** Counts bytes that are about to be read, and waits if the rate limit is reached. */
  void spend(int count) throws IOException {
    pace.spend(count);
    bytes += count;
    if (bytes - reportedBytes >= BYTES_PER_PROGRESS) {
      reportedBytes = bytes;
      report.progress(progress());
    }
  }

  void found(Finding finding) throws IOException {
    report.found(finding);
  }

  /** Reports a finding about content. */
  void found(
      FindingKind kind,
      Digest digest,
      Optional<Origin> origin,
      Namers namers,
      String detail,
      boolean isRepaired,
      String advice)
      throws IOException {
    report.found(
        new Finding(
            kind,
            digest.toString(),
            Optional.of(digest),
            origin,
            namers.first(),
            namers.more(),
            detail,
            isRepaired,
            isRepaired ? "" : advice));
  }

  /**
   * Returns the repositories of keys that consist of a prefix and a repository name. Returns the
   * first 20, and counts at most 10,000 further ones.
   */
  Namers namers(byte[] prefix) {
    var names = new ArrayList<RepositoryName>();
    var more = new int[1];
    index.scan(
        prefix,
        prefix,
        (key, value) -> {
          if (names.size() < MAX_REPOSITORIES) {
            names.add(new RepositoryName(Keys.textAfter(prefix.length, key)));
          } else {
            more[0]++;
          }
          return more[0] < MAX_COUNTED_REPOSITORIES;
        });
    return new Namers(names, more[0]);
  }

  /** Decodes a fact. If it cannot be decoded, reports it and returns empty. */
  <T> Optional<T> decoded(byte[] key, byte[] value, Function<byte[], T> decoder)
      throws IOException {
    look();
    try {
      return Optional.of(decoder.apply(value));
    } catch (RuntimeException e) {
      unreadable(key);
      return Optional.empty();
    }
  }

  void unreadable(byte[] key) throws IOException {
    found(
        Finding.of(
            FindingKind.UNREADABLE_OBJECT,
            (char) key[0] + " " + HexFormat.of().formatHex(key, 1, key.length),
            "the stored value cannot be read",
            false,
            "restore the index from a backup"));
  }

  /**
   * Reports a stored time in the future, and repairs it if this run repairs.
   *
   * @param repair change that rewrites the fact
   */
  void future(String subject, Instant stored, Index.Change<Boolean> repair) throws IOException {
    if (isRepair()) {
      index.write(Index.Durability.VISIBLE, repair);
    }
    found(
        Finding.of(
            FindingKind.FUTURE_TIME,
            subject,
            "a stored time is in the future: " + stored,
            isRepair(),
            "check the clock, then run fsck --repair"));
  }
}
