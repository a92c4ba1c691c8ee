package dev.cistern.oci;

import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Places for texts that are read whole and are longer than usual: manifests and objects, from
 * clients and from upstreams. There are few in the process, so that many such texts at a time, and
 * what is made of them, do not fill the heap. Who is slow with a long text keeps others with long
 * ones waiting, and nobody else. Safe for all threads.
 */
public final class LargeTexts {
  /** A text needs no place up to this length, in bytes. */
  public static final int SMALL_BYTES = 64 << 10;

  private static final int PLACES = 4;

  /** How long a text waits for a place. */
  public static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final Semaphore FREE = new Semaphore(PLACES, true);
  private static final Semaphore PARSER = new Semaphore(1, true);

  private LargeTexts() {}

  /** The place of one text, from when it is known to be long until it is closed. */
  public static final class Place implements AutoCloseable {
    private boolean isTaken;
    private boolean isClosed;

    /**
     * Makes sure of a place for a text that has this length by now; may wait for it.
     *
     * @throws OciException with TOOMANYREQUESTS, if none becomes free in {@link #PATIENCE}
     */
    public synchronized void grow(long bytes) {
      if (bytes <= SMALL_BYTES || isTaken || isClosed) {
        return;
      }
      try {
        isTaken = FREE.tryAcquire(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      if (!isTaken) {
        throw new OciException(
                ErrorCode.TOOMANYREQUESTS,
                "too many manifests and objects of more than "
                    + SMALL_BYTES
                    + " bytes are being read at a time",
                "try again")
            .withRetryAfter(PATIENCE);
      }
    }

    /** Gives the place back, if it was taken. */
    @Override
    public synchronized void close() {
      isClosed = true;
      if (isTaken) {
        isTaken = false;
        FREE.release();
      }
    }
  }

  /** Parses a text of this length; a long one when no other is being parsed. */
  public static <T> T parse(long bytes, Supplier<T> parser) {
    if (bytes <= SMALL_BYTES) {
      return parser.get();
    }
    PARSER.acquireUninterruptibly();
    try {
      return parser.get();
    } finally {
      PARSER.release();
    }
  }
}
