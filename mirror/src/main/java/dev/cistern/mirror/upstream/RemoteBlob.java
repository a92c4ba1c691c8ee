package dev.cistern.mirror.upstream;

import java.io.IOException;

/**
 * A blob that an upstream is sending; nothing in it has been verified.
 *
 * <p>{@link #from} is the position of the first byte that {@link #read} gives; an upstream that
 * does not do ranges sends from 0 whatever was asked.
 */
public final class RemoteBlob implements AutoCloseable {
  private final Transport.Response response;
  private final long from;
  private final long size;
  private final boolean isEmpty;

  private RemoteBlob(Transport.Response response, long from, long size, boolean isEmpty) {
    this.response = response;
    this.from = from;
    this.size = size;
    this.isEmpty = isEmpty;
  }

  RemoteBlob(Transport.Response response, long from, long size) {
    this(response, from, size, false);
  }

  /** Returns what there is of a blob from {@code from} on, which is its end or beyond: nothing. */
  static RemoteBlob beyond(Transport.Response response, long from, long size) {
    return new RemoteBlob(response, from, size, true);
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
    return isEmpty ? -1 : response.read(buffer);
  }

  @Override
  public void close() {
    response.close();
  }
}
