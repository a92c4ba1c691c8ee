package dev.cistern.mirror;

import java.util.OptionalLong;

/**
 * The bytes of a blob that a request wants, as far as they can be told without its length.
 *
 * @param first the position of the first
 * @param last the position of the last; none for the end of the blob
 */
public record Wanted(long first, OptionalLong last) {
  /** The whole blob. */
  public static final Wanted ALL = new Wanted(0, OptionalLong.empty());

  private static final long LITTLE_BYTES = 64L << 20;

  /** Says whether it is so little that the rest of the blob need not be fetched for it. */
  boolean isLittle() {
    return last.isPresent() && last.getAsLong() - first < LITTLE_BYTES;
  }
}
