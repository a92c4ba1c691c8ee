package dev.cistern.server.api;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.cistern.base.MemoryBudget.Lease;
import java.util.Arrays;

/**
 * The text of one piece of a list or watch. A piece of usual parts has at most {@link
 * #MAX_PIECE_BYTES}, for which memory is taken before it is written. A part that alone is longer
 * takes memory for its length and is sent in several pieces. Used by one thread, except for {@link
 * #close}.
 */
final class PieceText {
  /** The maximum length of a usual piece, in bytes. */
  static final int MAX_PIECE_BYTES = 64 << 10;

  /**
   * The maximum length of a piece that begins in the middle of an object, in bytes, if there is
   * memory.
   */
  static final int MAX_GROWN_BYTES = 256 << 10;

  /** The length of text from which on a piece is sent. */
  private static final int FULL_BYTES = MAX_PIECE_BYTES / 2;

  private final Lease lease;
  private StringBuilder text = new StringBuilder();
  private byte[] bytes = {};
  private int sent;
  private volatile boolean isClosed;

  PieceText(Lease lease) {
    this.lease = lease;
  }

  /** Takes memory for a piece; returns false if there is none. */
  boolean tryBegin() {
    return lease.tryResize(MAX_PIECE_BYTES);
  }

  PieceText append(String part) {
    text.append(part);
    return this;
  }

  boolean isEmpty() {
    return text.isEmpty();
  }

  /** Returns whether the text must be sent before more is added. */
  boolean isFull() {
    return text.length() >= FULL_BYTES;
  }

  /**
   * Takes memory for a longer piece, so that an object with many parts is not read again after
   * every few parts. Returns false if the piece is too long or there is no memory.
   */
  boolean tryGrow() {
    return text.length() < MAX_GROWN_BYTES - FULL_BYTES && lease.tryResize(MAX_GROWN_BYTES);
  }

  /** Returns whether a part of the ended text is still to be sent. */
  boolean hasRest() {
    return sent < bytes.length;
  }

  /**
   * Ends the text, which {@link #next} then returns.
   *
   * @return false if the text is longer than a piece, and there is no memory for it
   */
  boolean end() {
    bytes = text.toString().getBytes(UTF_8);
    text = new StringBuilder();
    sent = 0;
    if (bytes.length <= MAX_PIECE_BYTES || lease.tryResize(bytes.length)) {
      return true;
    }
    bytes = new byte[0];
    return false;
  }

  /** Returns the next part to send, at most {@link #MAX_PIECE_BYTES}. */
  byte[] next() {
    int end = Math.min(bytes.length, sent + MAX_PIECE_BYTES);
    byte[] part = sent == 0 && end == bytes.length ? bytes : Arrays.copyOfRange(bytes, sent, end);
    sent = end;
    if (!hasRest()) {
      bytes = new byte[0];
      sent = 0;
    }
    return part;
  }

  /** Releases the memory while there is nothing to send. */
  void release() {
    lease.tryResize(0);
  }

  void close() {
    isClosed = true;
    lease.close();
  }

  /** Returns whether the client has left. */
  boolean isClosed() {
    return isClosed;
  }
}
