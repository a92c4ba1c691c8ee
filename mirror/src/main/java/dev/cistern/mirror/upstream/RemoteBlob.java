package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A blob that an upstream is sending; nothing in it has been verified.
 *
 * <p>{@link #from} is the position of the first byte that {@link #read} gives; an upstream that
 * does not do ranges sends from 0 whatever was asked.
 */
public final class RemoteBlob implements AutoCloseable {
  private final Body body;
  private final long from;
  private final long size;
  private final Runnable end;
  private final AtomicBoolean isClosed = new AtomicBoolean();

  /** The bytes as they come. Used by one thread. */
  public interface Body extends AutoCloseable {
    /** Reads what has come, at least one byte; returns how many, or -1 at the end. */
    int read(byte[] buffer) throws IOException;

    /** Ends the connection, so that a read that waits fails; for any thread, and does not block. */
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

  /** Returns the same with something to do when it is closed for the first time. */
  RemoteBlob andThen(Runnable wanted) {
    return new RemoteBlob(body, from, size, wanted);
  }

  /** Returns what there is of a blob from {@code from} on, which is its end or beyond: nothing. */
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

  /** Returns the length of the whole blob in bytes, or -1 if the upstream does not say. */
  public long size() {
    return size;
  }

  /** Reads what has come, at least one byte; returns how many, or -1 at the end. */
  public int read(byte[] buffer) throws IOException {
    return body.read(buffer);
  }

  /** Ends the connection, so that a read that waits fails; for any thread. */
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
