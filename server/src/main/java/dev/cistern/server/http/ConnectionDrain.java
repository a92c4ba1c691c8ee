package dev.cistern.server.http;

import io.netty.channel.Channel;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * The end of a server's connections: which are open, which close for want of file descriptors, and
 * whether they close after their reply. All threads; a connection itself is only looked at on its
 * event loop.
 */
@SuppressWarnings("FutureReturnValueIgnored") // an event loop that hangs is found by its silence
final class ConnectionDrain {
  /** How long an idle connection stays open for a request that is on its way to it. */
  static final Duration IDLE_GRACE = Duration.ofMillis(500);

  /** How often a connection whose reply is out is looked at until the client has all of it. */
  static final Duration DELIVERY_CHECK = Duration.ofMillis(50);

  private static final long CENSUS_SECONDS = 2;
  private static final long IDLE_CLOSE_NANOS = 1_000_000_000L;

  private final ChannelGroup channels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final AtomicLong idleClosedAt = new AtomicLong(System.nanoTime() - IDLE_CLOSE_NANOS);
  private final LongAdder ended = new LongAdder();
  private volatile boolean isBegun;
  private volatile boolean isClosing;

  /** Sent to each connection. */
  enum Event {
    /** It has to close as soon as it is idle. */
    CLOSING,
    /** It has to close if it is idle. */
    CLOSE_IDLE
  }

  /** Takes note of a connection, until it is closed. */
  void add(Channel channel) {
    channels.add(channel);
  }

  /** Counts the requests that end from now on. */
  void begin() {
    isBegun = true;
  }

  /** Closes each connection when it is idle, or with its reply. */
  void closeConnections() {
    isClosing = true;
    channels.forEach(channel -> channel.pipeline().fireUserEventTriggered(Event.CLOSING));
  }

  /** Closes the connections that are idle now; does nothing within a second of the last time. */
  void closeIdle() {
    long now = System.nanoTime();
    long before = idleClosedAt.get();
    if (now - before >= IDLE_CLOSE_NANOS && idleClosedAt.compareAndSet(before, now)) {
      channels.forEach(channel -> channel.pipeline().fireUserEventTriggered(Event.CLOSE_IDLE));
    }
  }

  /** Returns whether a connection closes after the reply that it writes now. */
  boolean isClosing() {
    return isClosing;
  }

  /** Counts a request whose reply is out. */
  void ended() {
    if (isBegun) {
      ended.increment();
    }
  }

  /** Returns how many replies went out to their end since {@link #begin}. */
  long endedCount() {
    return ended.sum();
  }

  /**
   * Waits until no connection is open. None may be accepted any more.
   *
   * @return whether there is none; false after {@code atMost}
   */
  boolean awaitNone(Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    long left = atMost.toNanos();
    while (!channels.isEmpty() && left > 0) {
      channels.newCloseFuture().await(left, TimeUnit.NANOSECONDS);
      left = end - System.nanoTime();
    }
    return channels.isEmpty();
  }

  /** Returns what is in flight; a connection whose event loop does not answer counts as nothing. */
  InFlight inFlight() throws InterruptedException {
    var asked = new ArrayList<Future<InFlight>>();
    for (Channel channel : channels) {
      Connection connection = channel.pipeline().get(Connection.class);
      if (connection != null && !channel.eventLoop().isShuttingDown()) {
        asked.add(channel.eventLoop().submit(connection::inFlight));
      }
    }
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(CENSUS_SECONDS);
    InFlight all = InFlight.NONE;
    for (Future<InFlight> one : asked) {
      if (one.await(end - System.nanoTime(), TimeUnit.NANOSECONDS) && one.isSuccess()) {
        all = all.plus(one.getNow());
      }
    }
    return all;
  }
}
