package dev.cistern.mirror;

import java.util.OptionalLong;

/**
 * The bytes of a blob that a request wants, as far as they can be told without its length.
 *
 * @param first the position of the first
 * @param last the position of the last; none for the end of the blob
 * @param isInBackground whether no client waits for them, so that downloads with a client come
 *     first
 */
public record Wanted(long first, OptionalLong last, boolean isInBackground) {
  /** The whole blob. */
  public static final Wanted ALL = new Wanted(0, OptionalLong.empty());

  /** The whole blob, some time. */
  static final Wanted SOME_TIME = new Wanted(0, OptionalLong.empty(), true);

  public Wanted(long first, OptionalLong last) {
    this(first, last, false);
  }
}
