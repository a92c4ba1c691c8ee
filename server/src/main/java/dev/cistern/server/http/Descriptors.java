package dev.cistern.server.http;

import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The file descriptors of this process. {@value #RESERVE} of them are kept for the store: when only
 * these are left, idle connections are closed, and then new ones are refused.
 *
 * <p>All threads. How many are open is counted once a second, and when as many connections came
 * since as half of those that were free; at most each 20 ms, since to count them reads a directory.
 */
public final class Descriptors {
  /** Kept for the store, whatever clients do. */
  static final int RESERVE = 64;

  /** Descriptors that the process needs besides the connections of clients. */
  static final int OTHERS = 256;

  private static final Logger LOG = LoggerFactory.getLogger(Descriptors.class);
  private static final long INTERVAL_NANOS = 1_000_000_000L;
  private static final long LEAST_NANOS = 20_000_000L;

  /** The descriptors left after a connection was accepted. */
  enum Room {
    ENOUGH,
    /** At most {@value #RESERVE} besides the reserve: idle connections have to close. */
    SHORT,
    /** Only the reserve: the connection is refused. */
    RESERVE
  }

  private final LongSupplier most;
  private final LongSupplier open;
  private final LongSupplier nanos;

  /** Free when last counted, without the reserve; guarded by this, like what follows. */
  private long free;

  private long taken;
  private long countedAt;
  private boolean isCounted;

  Descriptors(LongSupplier most, LongSupplier open, LongSupplier nanos) {
    this.most = most;
    this.open = open;
    this.nanos = nanos;
  }

  /** Returns those of this process; without a limit where the system does not tell. */
  public static Descriptors ofProcess() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
        ? new Descriptors(
            system::getMaxFileDescriptorCount, system::getOpenFileDescriptorCount, System::nanoTime)
        : new Descriptors(() -> Long.MAX_VALUE, () -> 0, System::nanoTime);
  }

  /** Returns the limits with as many connections as there are descriptors for; warns if fewer. */
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

  /** Takes note of a connection that was accepted; returns what is left with it. */
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
