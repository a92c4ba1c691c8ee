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

  RemoteBlob(Transport.Response response, long from, long size) {
    this.response = response;
    this.from = from;
    this.size = size;
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
    return response.read(buffer);
  }

  @Override
  public void close() {
    response.close();
  }
}
