package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A blob of any length that is nowhere: each of its bytes follows from its position and a seed.
 *
 * @param digest what it is asked for by
 */
record GeneratedBlob(long seed, long size, String digest) implements UpstreamBody {
  private static final int PIECE = 256 << 10;
  private static final int WORD = Long.BYTES;
  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  /** Makes one with its true digest: generates and hashes all of it once. */
  static GeneratedBlob of(long seed, long size) {
    var unnamed = new GeneratedBlob(seed, size, "");
    MessageDigest hash = sha256();
    byte[] piece = new byte[PIECE];
    for (long at = 0; at < size; at += PIECE) {
      int count = (int) Math.min(PIECE, size - at);
      unnamed.copy(at, piece, count);
      hash.update(piece, 0, count);
    }
    return new GeneratedBlob(seed, size, digest(hash));
  }

  /** Makes one whose digest is not its own, for tests that never come to its end. */
  static GeneratedBlob endless(long seed, long size) {
    return new GeneratedBlob(seed, size, Samples.digest(Long.toString(seed).getBytes(UTF_8)));
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /** Returns the digest of what {@code hash} was given. */
  static String digest(MessageDigest hash) {
    return "sha256:" + HexFormat.of().formatHex(hash.digest());
  }

  /** Returns {@code count} bytes from position {@code at} on. */
  byte[] part(long at, int count) {
    byte[] part = new byte[count];
    copy(at, part, count);
    return part;
  }

  @Override
  public void copy(long at, byte[] piece, int count) {
    int i = 0;
    for (; i < count && (at + i) % WORD != 0; i++) {
      piece[i] = single(at + i);
    }
    for (; i + WORD <= count; i += WORD) {
      LONGS.set(piece, i, word((at + i) / WORD));
    }
    for (; i < count; i++) {
      piece[i] = single(at + i);
    }
  }

  private byte single(long at) {
    return (byte) (word(at / WORD) >>> (at % WORD * Byte.SIZE));
  }

  /** Returns eight bytes: SplittableRandom's mix of their number. */
  private long word(long number) {
    long z = seed + number * 0x9e3779b97f4a7c15L;
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
