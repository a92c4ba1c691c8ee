package dev.cistern.server.http;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.LargeTexts;
import dev.cistern.oci.OciException;
import io.netty.buffer.ByteBuf;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The content of a request, handed from the event loop, which adds what has come, to the virtual
 * thread that reads it. At most {@link #FULL_BYTES} wait here, fewer when there are many such
 * requests; then the loop stops reading the connection until half of it is taken.
 */
public final class RequestBody {
  private static final int FULL_BYTES = 2 << 20;

  /** Once so many bytes wait in all bodies together, fewer wait in each. */
  private static final long MOST_WAITING_BYTES = 96L << 20;

  private static final int LEAST_FULL_BYTES = 64 << 10;
  private static final AtomicLong ALL_WAITING = new AtomicLong();

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final ArrayDeque<ByteBuf> waiting = new ArrayDeque<>();
  private final OptionalLong length;
  private final Runnable wanted;
  private final Runnable drained;
  private int waitingBytes;
  private boolean ended;
  private boolean discarded;
  private boolean asked;
  private boolean full;
  private @Nullable IOException failure;
  private @Nullable ByteBuf taken;
  private LargeTexts.@Nullable Place place;

  /**
   * @param length what Content-Length said
   * @param wanted is run when the first byte is asked for
   * @param drained is run when there is room again after {@link #isFull}
   */
  RequestBody(OptionalLong length, Runnable wanted, Runnable drained) {
    this.length = length;
    this.wanted = wanted;
    this.drained = drained;
  }

  /** Returns the length in bytes if the client said it. */
  public OptionalLong length() {
    return length;
  }

  /**
   * Returns what comes next, or null at the end. It may be read until the next call.
   *
   * @throws IOException if the client left before the end
   */
  public @Nullable ByteBuffer next() throws IOException {
    lock.lock();
    try {
      releaseTaken();
      if (!asked) {
        asked = true;
        wanted.run();
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
      count(-next.readableBytes());
      if (full && waitingBytes <= fullBytes() / 2) {
        full = false;
        drained.run();
      }
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
   * Reads all of it; a long one has a place until the request is over.
   *
   * @throws OciException with {@code tooLarge} and status 413, if it is longer than {@code most};
   *     with TOOMANYREQUESTS, if it is long and others are so too
   */
  public byte[] readAll(int most, ErrorCode tooLarge) throws IOException {
    if (length.orElse(0) > most) {
      throw tooLarge(most, tooLarge);
    }
    int expected = (int) Math.min(length.orElse(8192), LargeTexts.SMALL_BYTES);
    var all = new ByteArrayOutputStream(expected);
    var own = new LargeTexts.Place();
    place = own;
    for (ByteBuffer part = next(); part != null; part = next()) {
      if (all.size() + part.remaining() > most) {
        throw tooLarge(most, tooLarge);
      }
      own.grow(all.size() + part.remaining());
      byte[] bytes = new byte[part.remaining()];
      part.get(bytes);
      all.writeBytes(bytes);
    }
    return all.toByteArray();
  }

  private static OciException tooLarge(int most, ErrorCode code) {
    return new OciException(code, "the body is larger than " + most + " bytes").withStatus(413);
  }

  /** Adds what has come; takes over the reference. Event loop. */
  void add(ByteBuf content, boolean isLast) {
    lock.lock();
    try {
      ended |= isLast;
      if (discarded || !content.isReadable()) {
        content.release();
      } else {
        waiting.add(content);
        count(content.readableBytes());
        full = waitingBytes >= fullBytes();
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Says that no more will come though more should. */
  void fail() {
    lock.lock();
    try {
      failure = new EOFException("the client left before the end of its request");
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Drops what is not read and what is still to come. */
  void discard() {
    lock.lock();
    try {
      discarded = true;
      releaseTaken();
      waiting.forEach(ByteBuf::release);
      waiting.clear();
      count(-waitingBytes);
      full = false;
    } finally {
      lock.unlock();
    }
  }

  /** The request is over. */
  void end() {
    if (place != null) {
      place.close();
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

  private void count(int bytes) {
    waitingBytes += bytes;
    ALL_WAITING.addAndGet(bytes);
  }

  private static int fullBytes() {
    return ALL_WAITING.get() < MOST_WAITING_BYTES ? FULL_BYTES : LEAST_FULL_BYTES;
  }

  private void releaseTaken() {
    if (taken != null) {
      taken.release();
      taken = null;
    }
  }
}
