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
 * The open connections of a server and their end. When file descriptors are short, idle connections
 * are closed. When the server stops, every connection is closed after its response. Safe for all
 * threads; a connection itself is accessed on its event loop only.
 */
@SuppressWarnings("FutureReturnValueIgnored") // LoopPulse detects a hanging loop
final class ConnectionDrain {
  /** The time for which an idle connection stays open for a request on its way to it. */
  static final Duration IDLE_GRACE = Duration.ofMillis(500);

  /** The interval of checks whether the client has received the whole response. */
  static final Duration DELIVERY_CHECK = Duration.ofMillis(50);

  private static final long CENSUS_SECONDS = 2;
  private static final long IDLE_CLOSE_NANOS = 1_000_000_000L;

  private final ChannelGroup channels = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);
  private final AtomicLong idleClosedAt = new AtomicLong(System.nanoTime() - IDLE_CLOSE_NANOS);
  private final LongAdder ended = new LongAdder();
  private volatile boolean isBegun;
  private volatile boolean isClosing;

  /** An event for each connection. */
  enum Event {
    /** The connection must close as soon as it is idle. */
    CLOSING,
    /** The connection must close if it is idle. */
    CLOSE_IDLE
  }

  /** Adds a connection, until it is closed. */
  void add(Channel channel) {
    channels.add(channel);
  }

  /** Starts to count the requests that end. */
  void begin() {
    isBegun = true;
  }

  /** Closes each connection when it is idle, or after its response. */
  void closeConnections() {
    isClosing = true;
    channels.forEach(channel -> channel.pipeline().fireUserEventTriggered(Event.CLOSING));
  }

  /** Closes the connections that are idle now; does nothing within 1 s after the last time. */
  void closeIdle() {
    long now = System.nanoTime();
    long before = idleClosedAt.get();
    if (now - before >= IDLE_CLOSE_NANOS && idleClosedAt.compareAndSet(before, now)) {
      channels.forEach(channel -> channel.pipeline().fireUserEventTriggered(Event.CLOSE_IDLE));
    }
  }

  /** Returns whether a connection closes after the response that it is writing. */
  boolean isClosing() {
    return isClosing;
  }

  /** Counts a request whose response was sent completely. */
  void ended() {
    if (isBegun) {
      ended.increment();
    }
  }

  /** Returns the number of responses that were sent completely since {@link #begin}. */
  long endedCount() {
    return ended.sum();
  }

  /**
   * Waits until no connection is open. No further connection may be accepted.
   *
   * @return whether no connection is open; false after {@code atMost}
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

  /**
   * Returns the requests in flight. All event loops together have 2 s to answer; the connections of
   * a loop that does not answer count as zero.
   */
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
