package dev.cistern.storage;

import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Collection;
import java.util.TreeSet;

/**
 * The keys and prefixes that a decision has read, so that a later write of one of them is detected.
 * Of each, only a hash of 8 bytes is kept. Two keys with the same hash only cause a decision to run
 * again without need.
 *
 * <p>Safe for two threads: the deciding thread adds keys, and the writer of the index queries them.
 */
final class ReadSet {
  /** Random in each process, so that clients, which choose keys, cannot make them collide. */
  private static final long SEED = new SecureRandom().nextLong();

  private static final long PRIME = 0x100000001b3L;

  private final Hashes keys = new Hashes();
  private final Hashes prefixes = new Hashes();
  private final TreeSet<Integer> prefixLengths = new TreeSet<>();

  /** Adds a key. Called before the key is read. */
  synchronized void addKey(byte[] key) {
    keys.add(hash(key, key.length));
  }

  /** Adds all keys that start with a prefix. Called before they are read. */
  synchronized void addPrefix(byte[] prefix) {
    prefixes.add(hash(prefix, prefix.length));
    prefixLengths.add(prefix.length);
  }

  /** Returns whether one of the written keys was read, by itself or through a prefix. */
  synchronized boolean hasAny(Collection<byte[]> written) {
    return written.stream().anyMatch(this::has);
  }

  private boolean has(byte[] key) {
    if (keys.has(hash(key, key.length))) {
      return true;
    }
    for (int length : prefixLengths.headSet(key.length, true)) {
      if (prefixes.has(hash(key, length))) {
        return true;
      }
    }
    return false;
  }

  /**
   * Returns the FNV-1a hash of the first {@code length} bytes of a key. Each step also mixes all
   * bits into the low ones.
   */
  private static long hash(byte[] key, int length) {
    long hash = SEED;
    for (int i = 0; i < length; i++) {
      hash = (hash ^ (key[i] & 0xff)) * PRIME;
      hash ^= hash >>> 32;
    }
    return hash;
  }

  /** A set of hashes with open addressing; 0 marks an empty place. */
  private static final class Hashes {
    private long[] places = new long[16];
    private int count;

    void add(long hash) {
      if (put(places, hash)) {
        count++;
        if (count > places.length / 2) {
          grow();
        }
      }
    }

    boolean has(long hash) {
      long value = nonZero(hash);
      int at = place(places, value);
      return places[at] == value;
    }

    private void grow() {
      long[] larger = new long[places.length * 2];
      Arrays.stream(places).filter(value -> value != 0).forEach(value -> put(larger, value));
      places = larger;
    }

    private static boolean put(long[] places, long hash) {
      long value = nonZero(hash);
      int at = place(places, value);
      boolean isNew = places[at] == 0;
      places[at] = value;
      return isNew;
    }

    /** Returns the place of a value, or the empty place where it belongs. */
    private static int place(long[] places, long value) {
      int at = (int) (value ^ (value >>> 32)) & (places.length - 1);
      while (places[at] != 0 && places[at] != value) {
        at = (at + 1) & (places.length - 1);
      }
      return at;
    }

    private static long nonZero(long hash) {
      return hash == 0 ? 1 : hash;
    }
  }
}
