package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A blob that an upstream is sending. None of its content has been verified.
 *
 * <p>{@link #from} is the position of the first byte that {@link #read} returns. An upstream
 * without support for ranges always sends from 0.
 */
public final class RemoteBlob implements AutoCloseable {
  private final Body body;
  private final long from;
  private final long size;
  private final Runnable end;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  /** The bytes of a blob as they arrive. Used by one thread. */
  public interface Body extends AutoCloseable {
    /** Reads the available bytes, at least one; returns their number, or -1 at the end. */
    int read(byte[] buffer) throws IOException;

    /** Ends the connection, so that a blocked read fails. Safe for all threads; does not block. */
    void cut();

    @Override
    void close();
  }

  public RemoteBlob(Body body, long from, long size) {
    this(body, from, size, () -> {});
  }

  private RemoteBlob(Body body, long from, long size, Runnable end) {
    this.body = body;
    this.from = from;
    this.size = size;
    this.end = end;
  }

  /** Returns this blob with an action that runs when it is first closed. */
  RemoteBlob andThen(Runnable wanted) {
    return new RemoteBlob(body, from, size, wanted);
  }

  /** Returns the empty rest of a blob from {@code from}, a position at or after its end. */
  static RemoteBlob beyond(Transport.Response response, long from, long size) {
    return new RemoteBlob(
        new Body() {
          @Override
          public int read(byte[] buffer) {
            return -1;
          }

          @Override
          public void cut() {
            response.cut();
          }

          @Override
          public void close() {
            response.close();
          }
        },
        from,
        size);
  }

  public long from() {
    return from;
  }

  /** Returns the length of the whole blob in bytes, or -1 if the upstream did not specify it. */
  public long size() {
    return size;
  }

  /** Reads the available bytes, at least one; returns their number, or -1 at the end. */
  public int read(byte[] buffer) throws IOException {
    return body.read(buffer);
  }

  /** Ends the connection, so that a blocked read fails. Safe for all threads. */
  public void cut() {
    body.cut();
  }

  @Override
  public void close() {
    try {
      body.close();
    } finally {
      if (isClosed.compareAndSet(false, true)) {
        end.run();
      }
    }
  }
}
