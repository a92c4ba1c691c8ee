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
 * Who is connected, and how much each has under way. All threads.
 *
 * <p>A client is the address that a connection comes from. The same counts could be kept of
 * principals, where one is known: by whoever decides on the virtual thread that answers.
 */
public final class Clients {
  private final HttpLimits limits;
  private final MemoryBudget memory;
  private final Descriptors descriptors;
  private final AtomicInteger connections = new AtomicInteger();
  private final Map<String, Client> byAddress = new ConcurrentHashMap<>();
  private final Map<Refusal, LongAdder> refused = new EnumMap<>(Refusal.class);

  /**
   * @param memory for all that waits for them
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

    /** Returns what the memory budget calls it. */
    List<String> holders() {
      return holders;
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

  /** Returns the budget for all that waits for clients. */
  public MemoryBudget memory() {
    return memory;
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

  /** Takes note of a connection that was accepted; returns what is left of file descriptors. */
  Descriptors.Room takeDescriptor() {
    return descriptors.take();
  }

  /** Returns why a connection that has entered may not stay, or null if it may. */
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

  /** Returns how many connections there are. */
  public int connections() {
    return connections.get();
  }

  /** Returns how often clients were not served for that reason, since the start. */
  public long refused(Refusal why) {
    if (why == Refusal.MEMORY) {
      return memory.refusals();
    }
    LongAdder count = refused.get(why);
    return count == null ? 0 : count.sum();
  }
}
