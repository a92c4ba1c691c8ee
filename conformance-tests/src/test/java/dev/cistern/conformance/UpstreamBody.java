package dev.cistern.conformance;

import java.util.Arrays;

/** What an upstream has under one name: bytes at positions. */
sealed interface UpstreamBody permits UpstreamBody.Bytes, GeneratedBlob {
  /** Returns its length in bytes. */
  long size();

  /** Puts the {@code count} bytes from position {@code at} on at the beginning of {@code piece}. */
  void copy(long at, byte[] piece, int count);

  /**
   * Returns all of it in memory.
   *
   * @throws UnsupportedOperationException if it is generated
   */
  default byte[] inMemory() {
    throw new UnsupportedOperationException("generated content cannot be changed");
  }

  /** In memory. */
  record Bytes(byte[] bytes) implements UpstreamBody {
    @Override
    public long size() {
      return bytes.length;
    }

    @Override
    public void copy(long at, byte[] piece, int count) {
      System.arraycopy(bytes, (int) at, piece, 0, count);
    }

    @Override
    public byte[] inMemory() {
      return bytes;
    }

    /** Returns the same with one byte wrong. */
    Bytes flipped(int at) {
      byte[] wrong = bytes.clone();
      wrong[at] ^= 1;
      return new Bytes(wrong);
    }

    /** Returns the beginning, or all of it and zeros. */
    Bytes resized(int size) {
      return new Bytes(Arrays.copyOf(bytes, size));
    }
  }
}
