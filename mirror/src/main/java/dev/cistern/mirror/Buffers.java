package dev.cistern.mirror;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Account;
import dev.cistern.base.MemoryBudget.Lease;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;

/**
 * Pool of buffers between upstreams and the store, of 256 KiB each, or of 16 KiB if memory is
 * short. At most 16 unused buffers of 256 KiB are kept for reuse. Thread-safe.
 */
final class Buffers {
  private static final int USUAL_BYTES = 256 << 10;
  private static final int SMALL_BYTES = 16 << 10;
  private static final int MAX_UNUSED = 16;

  private final MemoryBudget memory;
  private final ArrayBlockingQueue<byte[]> unused = new ArrayBlockingQueue<>(MAX_UNUSED);

  Buffers(MemoryBudget memory) {
    this.memory = memory;
  }

  /** A buffer in use. Its user closes it exactly once. */
  record Buffer(Buffers owner, byte[] bytes, Lease lease) implements AutoCloseable {
    @Override
    public void close() {
      if (bytes.length == USUAL_BYTES) {
        var _ = owner.unused.offer(bytes); // dropped if the pool is full
      }
      lease.close();
    }
  }

  /**
   * Takes a buffer; waits briefly if memory is short.
   *
   * @throws IOException if no memory becomes available in time
   */
  Buffer take() throws IOException {
    Lease lease = memory.lease(Account.FILLS, List.of());
    if (lease.tryTake(USUAL_BYTES)) {
      byte[] used = unused.poll();
      return new Buffer(this, used == null ? new byte[USUAL_BYTES] : used, lease);
    }
    try {
      lease.take(SMALL_BYTES, MemoryBudget.PATIENCE);
    } catch (MemoryBudget.RefusedException e) {
      throw new IOException("no memory is left for a download", e);
    }
    return new Buffer(this, new byte[SMALL_BYTES], lease);
  }
}
