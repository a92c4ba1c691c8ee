package dev.cistern.storage;

import java.io.IOException;
import java.nio.file.FileStore;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The space of the store, and how much of it is used: by the files of blobs, downloads, uploads and
 * the quarantine, by the reservations of downloads, and by the index as it was last measured. A
 * writer allocates space before it writes, so used space never exceeds the limit.
 *
 * <p>The high mark is reached at 95 % of the limit, or when less disk space is free than must stay
 * free. Above it, eviction frees space down to the low mark, 85 % of the limit. A request that
 * still does not fit below the high mark may use space up to the limit itself. One eviction runs at
 * a time; other threads wait for it and then check again. On the disk, content stops before the
 * disk is full. The index, which needs little, therefore never meets a full disk.
 */
final class Space {
  private static final long LARGEST_RESERVE = 64L << 20;
  private static final int RESERVED_PART = 16;
  private static final int HIGH_PERCENT = 95;
  private static final int LOW_PERCENT = 85;
  private static final int SLACK_PART = 20;

  /**
   * Maximum bytes that are used before the disk is queried again. A query costs a tenth of a write
   * of 128 KiB, and {@link #reserve} is many times this limit.
   */
  private static final long LARGEST_UNASKED = 2L << 20;

  private static final Duration PAUSE = Duration.ofSeconds(10);

  /** The component that frees space. */
  interface Relief {
    /**
     * Removes content that can be fetched again, until {@code bytes} bytes are freed or none is
     * left. Returns the number of freed bytes.
     */
    long free(long bytes) throws IOException;

    /** Returns a number that changes when content may have become removable. */
    long chances();
  }

  private final FileStore disk;
  private final StorageLimits limits;
  private final InstantSource clock;
  private final long reserve;
  private final long minFree;
  private final long slack;
  private final ReentrantLock evicting = new ReentrantLock();

  /** Frees nothing until {@link #relieveWith} sets a component that can. */
  private volatile Relief relief =
      new Relief() {
        @Override
        public long free(long bytes) {
          return 0;
        }

        @Override
        public long chances() {
          return 0;
        }
      };

  /** Bytes of files; guarded by this. */
  private long content;

  /** Bytes that are reserved for downloads; guarded by this. */
  private long reserved;

  /** Bytes that may be used before the disk is queried again; guarded by this. */
  private long unasked;

  /** Bytes of the index as last measured; guarded by this. */
  private long indexBytes;

  /**
   * {@link Relief#chances} at the end of the last eviction that freed too little; guarded by
   * evicting.
   */
  private long futileChances = -1;

  /** Time of that eviction; guarded by evicting. */
  private Instant futileTime = Instant.MIN;

  Space(FileStore disk, StorageLimits limits, InstantSource clock) throws IOException {
    this.disk = disk;
    this.limits = limits;
    this.clock = clock;
    this.reserve = Math.min(LARGEST_RESERVE, disk.getTotalSpace() / RESERVED_PART);
    this.minFree = limits.minFree().orElse(reserve);
    this.slack = Math.min(minFree, disk.getTotalSpace() / SLACK_PART);
  }

  /** Sets the component that frees space. Called before the first use. */
  void relieveWith(Relief wanted) {
    relief = wanted;
  }

  /** Counts the bytes of files that exist already. */
  synchronized void found(long bytes) {
    content += bytes;
  }

  /** Records the size of the index in bytes. */
  synchronized void indexMeasured(long bytes) {
    indexBytes = bytes;
  }

  /** Returns the used bytes, including reservations and the index. */
  synchronized long used() {
    return content + reserved + indexBytes;
  }

  /** Returns the reserved bytes. */
  synchronized long reserved() {
    return reserved;
  }

  /** Returns the bytes of files. */
  synchronized long content() {
    return content;
  }

  /**
   * Checks that there is space for content.
   *
   * @throws StoreFullException if there is none and none can be freed
   */
  void check() throws IOException {
    take(1, false);
    give(1);
  }

  /**
   * Allocates space for {@code bytes} bytes that are about to be written.
   *
   * @throws StoreFullException if there is none and none can be freed
   */
  void take(long bytes) throws IOException {
    take(bytes, false);
  }

  /** Reserves space for {@code bytes} bytes that will be written later; see {@link #use}. */
  void reserve(long bytes) throws IOException {
    take(bytes, true);
  }

  /**
   * Turns reserved space into space of written bytes.
   *
   * @throws StoreFullException if others have filled the disk meanwhile
   */
  synchronized void use(long bytes) throws IOException {
    if (bytes > unasked) {
      long free = disk.getUsableSpace() - reserve;
      unasked = Math.min(free, Math.max(bytes, LARGEST_UNASKED));
    }
    if (bytes > unasked) {
      throw diskIsFull(reserve);
    }
    unasked -= bytes;
    reserved -= bytes;
    content += bytes;
  }

  /** Frees the space of removed files. */
  synchronized void give(long bytes) {
    content -= bytes;
  }

  /** Releases reserved space that was not used. */
  synchronized void unreserve(long bytes) {
    reserved -= bytes;
  }

  /** Returns whether there is no space for one more byte. */
  boolean isFull() throws IOException {
    return !isRoomFor(1, limit());
  }

  /** Evicts content if space is scarce, before a request needs it. */
  void relieve() throws IOException {
    if (!isRoomFor(0, highMark())) {
      evicting.lock();
      try {
        makeRoom(0);
      } finally {
        evicting.unlock();
      }
    }
  }

  private void take(long bytes, boolean isReservation) throws IOException {
    if (tryTake(bytes, highMark(), isReservation)) {
      return;
    }
    evicting.lock();
    try {
      if (tryTake(bytes, highMark(), isReservation)) {
        return;
      }
      makeRoom(bytes);
      takeAtLast(bytes, isReservation);
    } finally {
      evicting.unlock();
    }
  }

  private synchronized boolean tryTake(long bytes, long mark, boolean isReservation)
      throws IOException {
    if (!isRoomFor(bytes, mark)) {
      return false;
    }
    if (isReservation) {
      reserved += bytes;
    } else {
      content += bytes;
    }
    return true;
  }

  /** Allocates space up to the limit. Checks, and reports the shortage, under one lock. */
  private synchronized void takeAtLast(long bytes, boolean isReservation) throws IOException {
    if (!tryTake(bytes, limit(), isReservation)) {
      throw full(bytes);
    }
  }

  private synchronized boolean isRoomFor(long bytes, long mark) throws IOException {
    return bytes <= mark - used() && bytes <= disk.getUsableSpace() - reserved - minFree;
  }

  /**
   * Evicts content, unless an earlier eviction freed too little. After that, a request without
   * space retries only if {@link Relief#chances} has changed; other evictions wait {@link #PAUSE}.
   */
  private void makeRoom(long bytes) throws IOException {
    boolean isUrgent = !isRoomFor(bytes, limit());
    boolean isFutile =
        isUrgent
            ? relief.chances() == futileChances
            : clock.instant().isBefore(futileTime.plus(PAUSE));
    if (isFutile || !canEverFit(bytes)) {
      return;
    }
    long wanted = wanted(bytes);
    if (relief.free(wanted) < wanted) {
      futileChances = relief.chances();
      futileTime = clock.instant();
    } else {
      futileChances = -1;
      futileTime = Instant.MIN;
    }
  }

  private synchronized boolean canEverFit(long bytes) throws IOException {
    return bytes <= limit() - indexBytes && bytes <= disk.getTotalSpace() - minFree;
  }

  /**
   * Returns the number of bytes that must be freed until {@code bytes} more fit below the low mark.
   */
  private synchronized long wanted(long bytes) throws IOException {
    long above = used() - part(limit(), LOW_PERCENT) + bytes;
    long missing = minFree + slack + reserved + bytes - disk.getUsableSpace();
    return Math.max(above, missing);
  }

  private long limit() {
    return limits.maxSize().orElse(Long.MAX_VALUE);
  }

  private long highMark() {
    return part(limit(), HIGH_PERCENT);
  }

  private static long part(long limit, int percent) {
    return limit == Long.MAX_VALUE ? limit : Math.round(limit * (percent / 100.0));
  }

  private StoreFullException full(long bytes) throws IOException {
    return bytes > limit() - used()
        ? new StoreFullException(
            "the store is full: "
                + used()
                + " of "
                + limit()
                + " bytes (maxSize) are used, "
                + bytes
                + " more are needed and nothing that is left may be evicted")
        : diskIsFull(minFree);
  }

  private static StoreFullException diskIsFull(long left) {
    return new StoreFullException(
        "the disk is full: less than " + (left >> 10) + " KiB would be left");
  }
}
