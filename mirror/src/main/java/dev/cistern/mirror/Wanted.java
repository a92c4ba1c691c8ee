package dev.cistern.mirror;

import java.util.OptionalLong;

/**
 * The requested bytes of a blob, as far as they are known without the blob's length.
 *
 * @param first the position of the first byte
 * @param last the position of the last byte; empty for the end of the blob
 * @param isInBackground whether no client waits for the bytes, so that downloads with a client come
 *     first
 */
public record Wanted(long first, OptionalLong last, boolean isInBackground) {
  /** The whole blob. */
  public static final Wanted ALL = new Wanted(0, OptionalLong.empty());

  /** The whole blob, without urgency. */
  static final Wanted SOME_TIME = new Wanted(0, OptionalLong.empty(), true);

  public Wanted(long first, OptionalLong last) {
    this(first, last, false);
  }
}
