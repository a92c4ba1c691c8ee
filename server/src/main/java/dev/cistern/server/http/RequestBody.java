package dev.cistern.server.http;

import dev.cistern.base.MemoryBudget;
import dev.cistern.base.MemoryBudget.Lease;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.OptionalLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The content of a request. The event loop adds received bytes, and a virtual thread reads them.
 * Before the first read, only bytes that arrived with the head wait. After that at most {@link
 * #FULL_BYTES} wait, or one read of the socket if there is no memory for more. The loop then stops
 * reading the connection until half of the bytes are taken, or all of them if memory is short.
 */
public final class RequestBody {
  private static final int FULL_BYTES = 2 << 20;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<ByteBuf> waiting = new ArrayDeque<>();
  private final OptionalLong length;
  private final Runnable wanted;
  private final Runnable drained;
  private final Lease lease;
  private int waitingBytes;
  private boolean ended;
  private boolean discarded;
  private boolean asked;
  private boolean full;

  /** True if there was no memory for the last part. */
  private boolean tight;

  private @Nullable IOException failure;
  private @Nullable ByteBuf taken;

  /**
   * @param length the value of Content-Length
   * @param wanted the action that runs at the first read
   * @param drained the action that runs when there is space again after {@link #isFull}
   * @param lease the lease for waiting bytes
   */
  RequestBody(OptionalLong length, Runnable wanted, Runnable drained, Lease lease) {
    this.length = length;
    this.wanted = wanted;
    this.drained = drained;
    this.lease = lease;
  }

  /** Returns the length in bytes if the client has sent it. */
  public OptionalLong length() {
    return length;
  }

  /**
   * Returns the next bytes, or null at the end. They may be read until the next call. Blocks.
   *
   * @throws IOException if the client left before the end, or the server is stopping
   */
  public @Nullable ByteBuffer next() throws IOException {
    lock.lock();
    try {
      releaseTaken();
      if (!asked) {
        asked = true;
        wanted.run();
        refill();
      }
      while (waiting.isEmpty() && !ended && failure == null) {
        changed.await();
      }
      if (waiting.isEmpty()) {
        if (failure != null) {
          throw failure;
        }
        return null;
      }
      ByteBuf next = waiting.remove();
      waitingBytes -= next.readableBytes();
      lease.give(next.readableBytes());
      refill();
      taken = next;
      return next.nioBuffer();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the server is stopping", e);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Reads the whole body; blocks.
   *
   * @param whole the lease for its memory, taken at once if the client has sent the length
   * @throws OciException with {@code tooLarge} and status 413, if it is longer than {@code most}
   * @throws MemoryBudget.RefusedException if there is no memory for it in time
   */
  byte[] readAll(int most, ErrorCode tooLarge, Lease whole) throws IOException {
    if (length.orElse(0) > most) {
      throw tooLarge(most, tooLarge);
    }
    int taken = (int) length.orElse(0);
    whole.take(taken, MemoryBudget.PATIENCE);
    var all = new ByteArrayOutputStream((int) length.orElse(8192));
    for (ByteBuffer part = next(); part != null; part = next()) {
      if (all.size() + part.remaining() > most) {
        throw tooLarge(most, tooLarge);
      }
      int missing = Math.max(0, all.size() + part.remaining() - taken);
      whole.take(missing, MemoryBudget.PATIENCE);
      taken += missing;
      byte[] bytes = new byte[part.remaining()];
      part.get(bytes);
      all.writeBytes(bytes);
    }
    return all.toByteArray();
  }

  private static OciException tooLarge(int most, ErrorCode code) {
    return new OciException(code, "the body is larger than " + most + " bytes").withStatus(413);
  }

  /** Adds received bytes, and takes over the reference. Event loop. */
  void add(ByteBuf content, boolean isLast) {
    lock.lock();
    try {
      ended |= isLast;
      if (discarded || !content.isReadable()) {
        content.release();
      } else {
        waiting.add(content);
        waitingBytes += content.readableBytes();
        tight = !lease.force(content.readableBytes());
        full = !ended && (!asked || tight || waitingBytes >= FULL_BYTES);
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Fails the reader, because the rest of the body will not arrive. */
  void fail() {
    lock.lock();
    try {
      failure = new EOFException("the client left before the end of its request");
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Drops all unread bytes, and those that arrive later. */
  void discard() {
    lock.lock();
    try {
      discarded = true;
      releaseTaken();
      waiting.forEach(ByteBuf::release);
      waiting.clear();
      lease.give(waitingBytes);
      waitingBytes = 0;
      full = false;
    } finally {
      lock.unlock();
    }
  }

  boolean isFull() {
    lock.lock();
    try {
      return full;
    } finally {
      lock.unlock();
    }
  }

  boolean isEnded() {
    lock.lock();
    try {
      return ended;
    } finally {
      lock.unlock();
    }
  }

  /** Continues to read the connection if there is space. */
  private void refill() {
    if (full && waitingBytes <= (tight ? 0 : FULL_BYTES / 2)) {
      full = false;
      drained.run();
    }
  }

  private void releaseTaken() {
    if (taken != null) {
      taken.release();
      taken = null;
    }
  }
}
