package dev.cistern.conformance;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.SplittableRandom;

/** Some content and its digest. */
record Sample(byte[] bytes, String digest) {
  static Sample of(byte[] bytes) {
    return new Sample(bytes, digest(bytes));
  }

  /** Returns the {@code size} bytes that belong to {@code seed}. */
  static Sample seeded(long seed, int size) {
    byte[] bytes = new byte[size];
    new SplittableRandom(seed).nextBytes(bytes);
    return of(bytes);
  }

  static String digest(byte[] bytes) {
    try {
      return "sha256:"
          + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  int size() {
    return bytes.length;
  }

  byte[] part(int from, int to) {
    return Arrays.copyOfRange(bytes, from, to);
  }

  String descriptor(String mediaType) {
    return "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d}"
        .formatted(mediaType, digest, size());
  }
}
