package dev.cistern.storage;

import java.io.IOException;
import java.nio.file.FileStore;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The room for content, and how much of it is taken: by the files of blobs, downloads and uploads,
 * by what is reserved for downloads, and by the index as it was last measured. Whoever writes takes
 * the room first, so what is taken never exceeds the limit.
 *
 * <p>From the high mark on (95 % of the limit, or less free on the disk than must stay free) room
 * is made by eviction, down to the low mark (85 %); what then still does not fit below the high
 * mark may go up to the limit itself. One eviction runs at a time, others wait for it and then look
 * again. On the disk, content stops before it is full, so that the index, which needs little, never
 * meets a full disk.
 */
final class Space {
  private static final long LARGEST_RESERVE = 64L << 20;
  private static final int RESERVED_PART = 16;
  private static final int HIGH_PERCENT = 95;
  private static final int LOW_PERCENT = 85;
  private static final int SLACK_PART = 20;

  /**
   * To ask the disk costs a tenth of a write of 128 KiB, and {@link #reserve} is many times this.
   */
  private static final long LARGEST_UNASKED = 2L << 20;

  private static final Duration PAUSE = Duration.ofSeconds(10);

  /** What makes room. */
  interface Relief {
    /** Removes what can be fetched again, up to so many bytes; returns how many were freed. */
    long free(long bytes) throws IOException;

    /** Returns a number that moves when something may have become removable. */
    long chances();
  }

  private final FileStore disk;
  private final StorageLimits limits;
  private final InstantSource clock;
  private final long reserve;
  private final long minFree;
  private final long slack;
  private final ReentrantLock evicting = new ReentrantLock();

  /** Makes no room until there is something that can. */
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

  /** Bytes that downloads will need; guarded by this. */
  private long reserved;

  /** Bytes that may be used before the disk is asked again; guarded by this. */
  private long unasked;

  /** Bytes of the index as last measured; guarded by this. */
  private long indexBytes;

  /** Chances at the end of the last eviction that freed too little; guarded by evicting. */
  private long futileChances = -1;

  /** When that was; guarded by evicting. */
  private Instant futileTime = Instant.MIN;

  Space(FileStore disk, StorageLimits limits, InstantSource clock) throws IOException {
    this.disk = disk;
    this.limits = limits;
    this.clock = clock;
    this.reserve = Math.min(LARGEST_RESERVE, disk.getTotalSpace() / RESERVED_PART);
    this.minFree = limits.minFree().orElse(reserve);
    this.slack = Math.min(minFree, disk.getTotalSpace() / SLACK_PART);
  }

  /** Says what makes room; before the first use. */
  void relieveWith(Relief wanted) {
    relief = wanted;
  }

  /** Counts files that are there already. */
  synchronized void found(long bytes) {
    content += bytes;
  }

  /** Notes how large the index is. */
  synchronized void indexMeasured(long bytes) {
    indexBytes = bytes;
  }

  /** Returns the bytes that are taken. */
  synchronized long used() {
    return content + reserved + indexBytes;
  }

  /** Returns the bytes that are reserved. */
  synchronized long reserved() {
    return reserved;
  }

  /** Returns the bytes of files. */
  synchronized long content() {
    return content;
  }

  /** Throws if there is no room for anything. */
  void check() throws IOException {
    take(1, false);
    give(1);
  }

  /**
   * Takes room for {@code bytes} that are about to be written.
   *
   * @throws StoreFullException if there is none and none can be made
   */
  void take(long bytes) throws IOException {
    take(bytes, false);
  }

  /** Takes room for {@code bytes} that will be written later; see {@link #use}. */
  void reserve(long bytes) throws IOException {
    take(bytes, true);
  }

  /**
   * Turns what is reserved into what is written.
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

  /** Gives back the room of files that are gone. */
  synchronized void give(long bytes) {
    content -= bytes;
  }

  /** Gives back what was reserved and not used. */
  synchronized void unreserve(long bytes) {
    reserved -= bytes;
  }

  /** Returns whether there is no room for one byte more. */
  boolean isFull() throws IOException {
    return !isRoomFor(1, limit());
  }

  /** Makes room if it is scarce, before somebody needs it. */
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

  /** Takes room up to the limit; looks and reports what is short under one lock. */
  private synchronized void takeAtLast(long bytes, boolean isReservation) throws IOException {
    if (!tryTake(bytes, limit(), isReservation)) {
      throw full(bytes);
    }
  }

  private synchronized boolean isRoomFor(long bytes, long mark) throws IOException {
    return bytes <= mark - used() && bytes <= disk.getUsableSpace() - reserved - minFree;
  }

  /** Evicts, unless that was tried in vain and nothing has changed since. */
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

  /** Returns how much must go until {@code bytes} fit below the low mark. */
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
