package dev.cistern.mirror;

import java.util.concurrent.ConcurrentLinkedQueue;

/** Buffers that are used again, as many as were in use at a time. Safe for all threads. */
final class Buffers {
  private static final int BUFFER_BYTES = 256 << 10;

  private final ConcurrentLinkedQueue<byte[]> free = new ConcurrentLinkedQueue<>();

  /** Returns a buffer, which the caller gives back. */
  byte[] take() {
    byte[] used = free.poll();
    return used == null ? new byte[BUFFER_BYTES] : used;
  }

  void give(byte[] buffer) {
    free.add(buffer);
  }
}
