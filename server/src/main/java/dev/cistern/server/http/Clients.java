package dev.cistern.server.http;

import dev.cistern.base.MemoryBudget;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Open connections and in-flight requests per client address. Safe for all threads.
 *
 * <p>A client is the address that a connection comes from. The same counts could be kept per
 * principal, by the virtual thread that handles a request, once the principal is known.
 */
public final class Clients {
  private final HttpLimits limits;
  private final MemoryBudget memory;
  private final Descriptors descriptors;
  private final AtomicInteger connections = new AtomicInteger();
  private final Map<String, Client> byAddress = new ConcurrentHashMap<>();
  private final Map<Refusal, LongAdder> refused = new EnumMap<>(Refusal.class);

  /**
   * @param memory the budget for all data that waits for clients
   */
  public Clients(HttpLimits limits, MemoryBudget memory, Descriptors descriptors) {
    this.limits = descriptors.fit(limits);
    this.memory = memory;
    this.descriptors = descriptors;
    for (Refusal why : Refusal.values()) {
      refused.put(why, new LongAdder());
    }
  }

  /** An address with at least one connection. */
  final class Client {
    private final String address;
    private final List<String> holders;
    private final AtomicInteger requests = new AtomicInteger();
    private final AtomicInteger connections = new AtomicInteger();

    private Client(String address) {
      this.address = address;
      this.holders = List.of("address " + address);
    }

    String address() {
      return address;
    }

    /** Returns the names under which the memory budget counts this client. */
    List<String> holders() {
      return holders;
    }

    /** Counts a request, which ends with {@link #end}; returns false if the maximum is reached. */
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

  HttpLimits limits() {
    return limits;
  }

  /** Returns the budget for all data that waits for clients. */
  public MemoryBudget memory() {
    return memory;
  }

  /**
   * Counts a new connection, which ends with {@link #leave}. A connection above the maximum is
   * counted too, until it is closed.
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

  /** Records an accepted connection, and returns the remaining file descriptors. */
  Descriptors.Room takeDescriptor() {
    return descriptors.take();
  }

  /** Returns why a counted connection must be closed, or null if it may stay. */
  @Nullable Refusal excess(Client client, Descriptors.Room room) {
    if (connections.get() > limits.connections()) {
      return Refusal.CONNECTIONS;
    }
    if (room == Descriptors.Room.RESERVE) {
      return Refusal.DESCRIPTORS;
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

  void count(Refusal why) {
    if (why == Refusal.MEMORY) {
      memory.countRefusal();
      return;
    }
    LongAdder count = refused.get(why);
    if (count != null) {
      count.increment();
    }
  }

  /** Returns the number of open connections. */
  public int connections() {
    return connections.get();
  }

  /** Returns how often clients were rejected for that reason since the start. */
  public long refused(Refusal why) {
    if (why == Refusal.MEMORY) {
      return memory.refusals();
    }
    LongAdder count = refused.get(why);
    return count == null ? 0 : count.sum();
  }
}
