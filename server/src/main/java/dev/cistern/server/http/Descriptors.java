package dev.cistern.server.http;

import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file descriptors of this process. {@value #RESERVE} of them are reserved for the store. When
 * at most that number of others is left, idle connections are closed. When only the reserve is
 * left, new connections are rejected.
 *
 * <p>Safe for all threads. When a connection is accepted, open descriptors are counted if the last
 * count is 1 s old. They are counted earlier if the connections accepted since then exceed half of
 * the free descriptors. The minimum interval is 20 ms, because a count reads a directory.
 */
public final class Descriptors {
  /** Descriptors that are reserved for the store, regardless of clients. */
  static final int RESERVE = 64;

  /** Descriptors that the process needs besides the connections of clients. */
  static final int OTHERS = 256;

  private static final Logger LOG = LoggerFactory.getLogger(Descriptors.class);
  private static final long INTERVAL_NANOS = 1_000_000_000L;
  private static final long LEAST_NANOS = 20_000_000L;

  /** The descriptors left after a connection was accepted. */
  enum Room {
    ENOUGH,
    /** At most {@value #RESERVE} besides the reserve: idle connections must close. */
    SHORT,
    /** Only the reserve: the connection is rejected. */
    RESERVE
  }

  private final LongSupplier most;
  private final LongSupplier open;
  private final LongSupplier nanos;

  /**
   * Free descriptors at the last count, without the reserve. Guarded by this, like the fields that
   * follow.
   */
  private long free;

  private long taken;
  private long countedAt;
  private boolean isCounted;

  Descriptors(LongSupplier most, LongSupplier open, LongSupplier nanos) {
    this.most = most;
    this.open = open;
    this.nanos = nanos;
  }

  /** Returns the descriptors of this process; unlimited where the system reports no limit. */
  public static Descriptors ofProcess() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
        ? new Descriptors(
            system::getMaxFileDescriptorCount, system::getOpenFileDescriptorCount, System::nanoTime)
        : new Descriptors(() -> Long.MAX_VALUE, () -> 0, System::nanoTime);
  }

  /** Returns the limits, with the connections lowered to the available descriptors; warns if so. */
  public HttpLimits fit(HttpLimits limits) {
    long possible = Math.max(1, most.getAsLong() - OTHERS);
    if (limits.connections() <= possible) {
      return limits;
    }
    LOG.atWarn()
        .addKeyValue("descriptors", most.getAsLong())
        .addKeyValue("needed", (long) limits.connections() + OTHERS)
        .addKeyValue("connections", possible)
        .log("file descriptors short, limits.connections lowered");
    return limits.withConnections((int) possible);
  }

  /** Records an accepted connection, and returns the descriptors that remain with it. */
  synchronized Room take() {
    long now = nanos.getAsLong();
    taken++;
    boolean isUsed = taken > free / 2 && now - countedAt >= LEAST_NANOS;
    if (!isCounted || isUsed || now - countedAt >= INTERVAL_NANOS) {
      free = most.getAsLong() - open.getAsLong() - RESERVE;
      countedAt = now;
      isCounted = true;
      taken = 0;
    }
    if (taken >= free) {
      return Room.RESERVE;
    }
    return taken >= free - RESERVE ? Room.SHORT : Room.ENOUGH;
  }
}
