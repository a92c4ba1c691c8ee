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
}
