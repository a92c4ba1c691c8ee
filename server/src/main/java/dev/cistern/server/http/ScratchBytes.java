package dev.cistern.server.http;

import io.netty.util.concurrent.FastThreadLocal;

/** One array per thread, for bytes that are needed within one call only. */
final class ScratchBytes extends FastThreadLocal<byte[]> {
  private final int length;

  ScratchBytes(int length) {
    this.length = length;
  }

  @Override
  protected byte[] initialValue() {
    return new byte[length];
  }
}
