package dev.cistern.server.http;

import dev.cistern.oci.LargeTexts;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Who is connected, and how much each has under way. All threads.
 *
 * <p>A client is the address that a connection comes from. The same counts could be kept of
 * principals, where one is known: by whoever decides on the virtual thread that answers.
 */
public final class Clients {
  private static final long MOST_LONG_REPLY_BYTES = 64L << 20;

  private final HttpLimits limits;
  private final AtomicInteger connections = new AtomicInteger();
  private final Map<String, Client> byAddress = new ConcurrentHashMap<>();
  private final Map<Refusal, LongAdder> refused = new EnumMap<>(Refusal.class);
  private final AtomicLong longReplies = new AtomicLong();

  public Clients(HttpLimits limits) {
    this.limits = limits;
    for (Refusal why : Refusal.values()) {
      refused.put(why, new LongAdder());
    }
  }

  /** An address with at least one connection. */
  final class Client {
    private final String address;
    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicInteger connections = new AtomicInteger();

    private Client(String address) {
      this.address = address;
    }

    String address() {
      return address;
    }

    /** Takes a place for a request, to be given back by {@link #end}; false if none is left. */
    boolean begin() {
      if (requests.incrementAndGet() <= limits.requestsPerClient()) {
        return true;
      }
      requests.decrementAndGet();
      return false;
    }

    void end() {
      requests.decrementAndGet();
    }
  }

  /** Returns the limits. */
  HttpLimits limits() {
    return limits;
  }

  /**
   * Counts a new connection, to be given back by {@link #leave}. One that is too many is counted as
   * well, until it is closed.
   */
  Client enter(String address) {
    connections.incrementAndGet();
    return byAddress.compute(
        address,
        (same, before) -> {
          Client one = before == null ? new Client(address) : before;
          one.connections.incrementAndGet();
          return one;
        });
  }

  /** Returns why a connection that has entered may not stay, or null if it may. */
  @Nullable Refusal excess(Client client) {
    if (connections.get() > limits.connections()) {
      return Refusal.CONNECTIONS;
    }
    return client.connections.get() > limits.connectionsPerClient()
        ? Refusal.CLIENT_CONNECTIONS
        : null;
  }

  void leave(Client client) {
    connections.decrementAndGet();
    byAddress.computeIfPresent(
        client.address, (same, one) -> one.connections.decrementAndGet() == 0 ? null : one);
  }

  /**
   * Takes room for a reply that is in memory until it is taken, to be given back by {@link
   * #giveRoom}; false if there is none. Short ones need none.
   */
  boolean takeRoom(int bytes) {
    if (bytes <= LargeTexts.SMALL_BYTES || longReplies.addAndGet(bytes) <= MOST_LONG_REPLY_BYTES) {
      return true;
    }
    longReplies.addAndGet(-bytes);
    return false;
  }

  void giveRoom(int bytes) {
    if (bytes > LargeTexts.SMALL_BYTES) {
      longReplies.addAndGet(-bytes);
    }
  }

  void count(Refusal why) {
    LongAdder count = refused.get(why);
    if (count != null) {
      count.increment();
    }
  }

  /** Returns how many connections there are. */
  public int connections() {
    return connections.get();
  }

  /** Returns how often clients were not served for that reason, since the start. */
  public long refused(Refusal why) {
    LongAdder count = refused.get(why);
    return count == null ? 0 : count.sum();
  }
}
