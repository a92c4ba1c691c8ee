package dev.cistern.conformance;

import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Says when a server is to be killed: after so many bytes have moved, over whichever connection. An
 * acknowledgement counts as some bytes. Who burns the last of it stops in the midst of what it does
 * until the server is dead, and so does everybody who comes later.
 */
final class Fuse {
  private static final long ACKNOWLEDGEMENT = 16 << 10;
  private static final long PATIENCE_SECONDS = 60;

  private final AtomicLong left;
  private final CountDownLatch burnt = new CountDownLatch(1);
  private final CountDownLatch killed = new CountDownLatch(1);

  Fuse(long bytes) {
    this.left = new AtomicLong(bytes);
  }

  /** Returns one that does not burn. */
  static Fuse endless() {
    return new Fuse(Long.MAX_VALUE);
  }

  /** Counts bytes. */
  void burn(long bytes) throws IOException {
    if (left.addAndGet(-bytes) <= 0) {
      burnt.countDown();
      awaitKill();
      throw new IOException("the server was killed");
    }
  }

  /** Counts an answer. */
  void acknowledged() throws IOException {
    burn(ACKNOWLEDGEMENT);
  }

  /** Burns all of it. */
  void end() {
    left.set(0);
    burnt.countDown();
  }

  void awaitBurnt() {
    await(burnt, "nothing moved for long");
  }

  /** Waits until {@link #killed} was called. */
  void awaitKill() {
    await(killed, "the server was not killed, so what failed should not have");
  }

  /** Says that the server is dead. */
  void killed() {
    killed.countDown();
  }

  /** Returns {@code in}, counted. */
  InputStream metered(InputStream in) {
    return new InputStream() {
      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] buffer, int offset, int length) throws IOException {
        int n = in.read(buffer, offset, Math.min(length, 8 << 10));
        if (n > 0) {
          burn(n);
        }
        return n;
      }

      @Override
      public void close() throws IOException {
        in.close();
      }
    };
  }

  private static void await(CountDownLatch latch, String otherwise) {
    try {
      if (!latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError(otherwise);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(otherwise, e);
    }
  }
}
