package dev.cistern.base;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The limit, in bytes, on all data that waits in memory: for a slow reader, a slow sender, a lock
 * or its turn. Memory is taken for an {@link Account} before it is allocated. It is returned when
 * the socket has accepted the data or the work is done. A byte that waits on the heap and, as a
 * copy, in direct memory counts once.
 *
 * <p>A holder, such as a client address or a user, has at most half of the budget. The last eighth
 * of the budget, and of each half, is reserved for leases of at most {@link #SMALL_BYTES}. Long
 * texts therefore never lock out short ones.
 *
 * <p>One parsed tree and one change of objects at a time may exceed the budget, regardless of
 * length. Otherwise, texts that are being read could wait for each other's trees. Such a lease
 * counts for its account only.
 *
 * <p>Safe for all threads. One lock guards all fields and those of the leases. It is held for a few
 * additions, and never during a wait. Only {@link Lease#take(long, Duration)} blocks.
 */
public final class MemoryBudget {
  /** Maximum size of a lease that may use the part reserved for small ones, in bytes. */
  public static final int SMALL_BYTES = 64 << 10;

  /** Minimum size of a budget, in bytes; the longest manifest fits into half of it. */
  public static final long MIN_BYTES = 16L << 20;

  /** Maximum wait of leases that may wait. */
  public static final Duration PATIENCE = Duration.ofSeconds(10);

  /** The delay after which a rejected client may retry. */
  public static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  private static final int SHARE_FOR_SMALL = 8;
  private static final Set<Account> ALWAYS_ONE =
      Set.of(Account.PARSED_TREES, Account.QUEUED_CHANGES);

  private final long limit;
  private final ReentrantLock lock = new ReentrantLock();

  /** The waits for memory, which {@link #grant} ends in their order. */
  private final Map<Queueing, Queue<Wait>> waits = new LinkedHashMap<>();

  private final Map<Account, Long> byAccount = new EnumMap<>(Account.class);
  private final Map<String, Long> byHolder = new HashMap<>();
  private final LongAdder refusals = new LongAdder();

  /** The accounts that have a lease in excess of the budget. */
  private final Set<Account> exceeding = EnumSet.noneOf(Account.class);

  private long taken;

  /** A use of memory. */
  public enum Account {
    /**
     * Bodies of requests: received data that is not read yet, and bodies that are read completely.
     */
    REQUEST_BODIES("request-bodies"),

    /** Requests that arrive while the previous request of their connection is being answered. */
    PIPELINED("pipelined-requests"),

    /** Trees parsed from JSON, counted as {@link MemoryBudget#treeBytes}. */
    PARSED_TREES("parsed-trees"),

    /** Bodies of responses that are in memory until the client has received them. */
    RESPONSES("responses"),

    /** Pieces of lists and tables of objects. */
    LISTS("lists"),

    /** Events of watches. */
    WATCHES("watches"),

    /** Buffers between an upstream and one client. */
    PASS_THROUGH("pass-through"),

    /** Buffers between an upstream and the store. */
    FILLS("fills"),

    /** Manifests, tokens and lists that an upstream sends. */
    UPSTREAM_ANSWERS("upstream-answers"),

    /** Pieces of files beyond the first 16 KiB of each, which are read into memory for TLS. */
    TLS_PIECES("tls-pieces"),

    /** Objects that are being changed, until the index has written them. */
    QUEUED_CHANGES("queued-changes");

    private final String word;

    Account(String word) {
      this.word = word;
    }

    /** Returns the account's name in metrics. */
    public String word() {
      return word;
    }
  }

  /**
   * Maximum bytes of a parsed JSON text per byte of the text. The token limits ensure it: 500,000
   * tokens of 4 MiB are at most 84 bytes each.
   */
  private static final int TREE_FACTOR = 12;

  /**
   * @param limit the limit in bytes; raised to {@link #MIN_BYTES} if it is less
   */
  public MemoryBudget(long limit) {
    this.limit = Math.max(limit, MIN_BYTES);
    for (Account account : Account.values()) {
      byAccount.put(account, 0L);
    }
  }

  /** Returns the maximum size of the tree that is parsed from a JSON text, in bytes. */
  public static long treeBytes(long textBytes) {
    return TREE_FACTOR * textBytes;
  }

  /** Returns a quarter of the maximum heap, in bytes. */
  public static long defaultBytes() {
    return Runtime.getRuntime().maxMemory() / 4;
  }

  /** Thrown when memory is refused. The request may be sent again after {@link #RETRY_AFTER}. */
  public static final class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private RefusedException() {
      super("request rejected: too much memory waits for slow clients", null, false, false);
    }
  }

  /**
   * Returns a lease, initially of zero bytes.
   *
   * @param holders the holders of the lease, each with at most half of the budget; none for the
   *     server's own work
   */
  public Lease lease(Account account, List<String> holders) {
    return new Lease(account, holders);
  }

  /**
   * Takes memory without waiting.
   *
   * @throws RefusedException if the memory is not available
   */
  public Lease take(Account account, List<String> holders, long bytes) {
    Lease lease = lease(account, holders);
    lease.take(bytes);
    return lease;
  }

  /** Counts a refusal by a caller of {@link Lease#tryTake}, which does not count it itself. */
  public void countRefusal() {
    refusals.increment();
  }

  /** Returns the number of refusals since the start. */
  public long refusals() {
    return refusals.sum();
  }

  /** Returns the number of bytes that wait for an account. */
  public long waiting(Account account) {
    lock.lock();
    try {
      return byAccount.getOrDefault(account, 0L);
    } finally {
      lock.unlock();
    }
  }

  /** Returns the limit in bytes. */
  public long limit() {
    return limit;
  }

  /** The waits of these holders for leases of such a length, of which one is tried at a time. */
  private record Queueing(List<String> holders, boolean isSmall) {}

  /** A thread's wait for memory. */
  private final class Wait {
    private final Condition granted = lock.newCondition();
    private final Lease lease;
    private final long more;
    private boolean isGranted;

    Wait(Lease lease, long more) {
      this.lease = lease;
      this.more = more;
    }
  }

  /**
   * Takes the memory that is there for those that wait for it. No thread wakes up in vain: there
   * may be hundreds, and memory is given back with each request.
   */
  private void grant() {
    for (Iterator<Queue<Wait>> queues = waits.values().iterator(); queues.hasNext(); ) {
      Queue<Wait> queue = queues.next();
      for (Wait wait = queue.peek();
          wait != null && wait.lease.tryTakeLocked(wait.more);
          wait = queue.peek()) {
        wait.isGranted = true;
        wait.granted.signal();
        queue.remove();
      }
      if (queue.isEmpty()) {
        queues.remove();
      }
    }
  }

  /** A part of the budget, returned when it is closed. Safe for all threads. */
  public final class Lease implements AutoCloseable {
    private final Account account;
    private final List<String> holders;
    private long bytes;
    private boolean isClosed;

    /** True for the one lease of its account in excess of the budget. */
    private boolean isExceeding;

    private Lease(Account account, List<String> holders) {
      this.account = account;
      this.holders = holders;
    }

    /** Takes more memory if it is available. A closed lease takes nothing, and returns true. */
    public boolean tryTake(long more) {
      lock.lock();
      try {
        return tryTakeLocked(more);
      } finally {
        lock.unlock();
      }
    }

    /**
     * Takes more memory without waiting.
     *
     * @throws RefusedException if the memory is not available
     */
    public void take(long more) {
      if (!tryTake(more)) {
        throw refused();
      }
    }

    /**
     * Takes more memory; blocks until it is available.
     *
     * @param atMost the maximum wait
     * @throws RefusedException if the memory is not available in time, or the thread is interrupted
     */
    public void take(long more, Duration atMost) {
      lock.lock();
      try {
        if (!tryTakeLocked(more)) {
          await(more, atMost);
        }
      } finally {
        lock.unlock();
      }
    }

    private void await(long more, Duration atMost) {
      var wait = new Wait(this, more);
      var queueing = new Queueing(holders, bytes + more <= SMALL_BYTES);
      Queue<Wait> queue = waits.computeIfAbsent(queueing, absent -> new ArrayDeque<>());
      queue.add(wait);
      try {
        for (long nanos = atMost.toNanos(); !wait.isGranted && nanos > 0; ) {
          nanos = wait.granted.awaitNanos(nanos);
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      if (!wait.isGranted) {
        queue.remove(wait);
        grant(); // those behind it may be for less
        throw refused();
      }
    }

    /**
     * Takes memory for data that is already in memory, even if the budget has no room for it.
     *
     * @return whether the budget had room for it
     */
    public boolean force(long more) {
      lock.lock();
      try {
        boolean isThere = isClosed || fits(this, more);
        if (!isClosed) {
          add(this, more);
        }
        return isThere;
      } finally {
        lock.unlock();
      }
    }

    /**
     * Resizes the lease: takes the missing bytes without waiting, or returns the excess ones.
     *
     * @return false if the missing bytes are not available; the lease is then unchanged
     */
    public boolean tryResize(long wanted) {
      lock.lock();
      try {
        if (wanted > bytes) {
          return tryTakeLocked(wanted - bytes);
        }
        giveLocked(bytes - wanted);
        return true;
      } finally {
        lock.unlock();
      }
    }

    /** Returns {@code less} bytes to the budget. */
    public void give(long less) {
      if (less <= 0) {
        return;
      }
      lock.lock();
      try {
        giveLocked(less);
      } finally {
        lock.unlock();
      }
    }

    /** Returns all bytes to the budget. */
    @Override
    public void close() {
      lock.lock();
      try {
        giveLocked(bytes);
        isClosed = true;
        grant(); // a closed lease takes nothing, so its waits end
      } finally {
        lock.unlock();
      }
    }

    private boolean tryTakeLocked(long more) {
      if (isClosed) {
        return true;
      }
      if (!fits(this, more)) {
        boolean mayExceed = ALWAYS_ONE.contains(account) && bytes == 0;
        if (!mayExceed || !exceeding.add(account)) {
          return false;
        }
        isExceeding = true;
      }
      add(this, more);
      return true;
    }

    private void giveLocked(long less) {
      if (less > 0 && !isClosed) {
        add(this, -less);
        if (isExceeding && bytes == 0) {
          isExceeding = false;
          exceeding.remove(account);
        }
        grant();
      }
    }
  }

  private boolean fits(Lease lease, long more) {
    boolean isSmall = lease.bytes + more <= SMALL_BYTES;
    long most = isSmall ? limit : limit - limit / SHARE_FOR_SMALL;
    if (taken + more > most) {
      return false;
    }
    for (String holder : lease.holders) {
      if (byHolder.getOrDefault(holder, 0L) + more > most / 2) {
        return false;
      }
    }
    return true;
  }

  private void add(Lease lease, long more) {
    lease.bytes += more;
    byAccount.merge(lease.account, more, Long::sum);
    if (lease.isExceeding) {
      return;
    }
    taken += more;
    for (String holder : lease.holders) {
      byHolder.merge(holder, more, (before, added) -> before + added == 0 ? null : before + added);
    }
  }

  private RefusedException refused() {
    countRefusal();
    return new RefusedException();
  }
}
