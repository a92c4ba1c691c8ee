package dev.cistern.mirror;

import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.Digest;
import java.io.IOException;
import java.security.MessageDigest;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * A blob or a part of it that is passed through from an upstream to one client without being
 * stored. Either there is no room for it, or it lies far ahead of the downloaded bytes. Used by one
 * thread.
 *
 * <p>The last byte of a whole blob is returned only after the digest is verified, even if the
 * client requested the blob as a range. A part cannot be verified. A blob of unknown length
 * therefore has no parts, because any of them might be the whole blob.
 */
public final class DirectBlob implements AutoCloseable {
  private final Delivery delivery;
  private final long from;
  private final OptionalLong last;
  private final Digest digest;
  private final @Nullable MessageDigest hash;
  private byte heldByte;
  private boolean isHolding;
  private boolean isEnded;

  private DirectBlob(
      Delivery delivery,
      Digest digest,
      long from,
      OptionalLong last,
      @Nullable MessageDigest hash) {
    this.delivery = delivery;
    this.digest = digest;
    this.from = from;
    this.last = last;
    this.hash = hash;
  }

  /** Result of opening a pass-through. */
  sealed interface Opened {
    /** The bytes arrive. */
    record Coming(DirectBlob blob) implements Opened {}

    /** No source provides the blob. */
    record Failed(PullSource source, Answer<?> answer) implements Opened {}

    /**
     * The source would also send all bytes before the requested ones, or does not report the
     * length.
     */
    record Rangeless() implements Opened {}
  }

  static Opened open(
      Deliveries deliveries, Location location, Digest digest, long from, OptionalLong last)
      throws IOException {
    Delivery delivery = deliveries.of(location, location.sources(), digest, last, () -> true);
    Answer<?> answer = begin(delivery, from);
    if (!(answer instanceof Answer.Found)) {
      return new Opened.Failed(delivery.source(), answer);
    }
    boolean isAll = from == 0 && last.isEmpty();
    if (delivery.skips() || (!isAll && delivery.size() < 0)) {
      delivery.close();
      return new Opened.Rangeless();
    }
    boolean isWhole = from == 0 && last.orElse(Long.MAX_VALUE) >= delivery.size() - 1;
    return new Opened.Coming(
        new DirectBlob(
            delivery, digest, from, last, isWhole ? digest.algorithm().newHash() : null));
  }

  /**
   * Opens the rest of a blob.
   *
   * @param delivery a delivery that has not begun
   * @param held the bytes from {@code from} on that were already received, at most one
   * @param before the hash of all bytes up to and including {@code held}
   * @throws IOException if no source provides the rest
   */
  static DirectBlob rest(
      Delivery delivery, Digest digest, long from, byte[] held, MessageDigest before)
      throws IOException {
    beginRest(delivery, from + held.length);
    var rest = new DirectBlob(delivery, digest, from, OptionalLong.empty(), before);
    rest.isHolding = held.length > 0;
    rest.heldByte = held.length > 0 ? held[0] : 0;
    return rest;
  }

  /**
   * Opens a blob from a position on, without verification at its end.
   *
   * @param delivery a delivery that has not begun
   * @throws IOException if no source provides the rest
   */
  static DirectBlob part(Delivery delivery, Digest digest, long from) throws IOException {
    beginRest(delivery, from);
    return new DirectBlob(delivery, digest, from, OptionalLong.empty(), null);
  }

  private static void beginRest(Delivery delivery, long from) throws IOException {
    Answer<?> answer = begin(delivery, from);
    if (!(answer instanceof Answer.Found)) {
      throw new IOException("the rest does not come: " + Failures.reason(answer));
    }
  }

  /** Begins a delivery, and closes it if no source provides the blob. */
  private static Answer<?> begin(Delivery delivery, long from) throws IOException {
    boolean isFound = false;
    try {
      Answer<?> answer = delivery.begin(from);
      isFound = answer instanceof Answer.Found;
      return answer;
    } finally {
      if (!isFound) {
        delivery.close();
      }
    }
  }

  /** Returns the name of the source that sends the bytes. */
  String source() {
    return delivery.source().name();
  }

  public Digest digest() {
    return digest;
  }

  /** Returns the length of the whole blob in bytes, or -1 if the upstream does not report it. */
  public long size() {
    return delivery.size();
  }

  /** Returns the position in the blob of the first byte. */
  public long from() {
    return from;
  }

  /**
   * Returns the total number of bytes to send, or -1 if the upstream does not report the length.
   */
  public long count() {
    if (size() < 0) {
      return -1;
    }
    long end = last.isPresent() ? Math.min(size(), last.getAsLong() + 1) : size();
    return end - from;
  }

  /** Returns whether this is a part of the blob, which is not verified. */
  public boolean isPart() {
    return hash == null;
  }

  /**
   * Reads bytes that may be sent, at least one; returns their number, or -1 at the end.
   *
   * @param buffer a buffer of at least two bytes
   * @throws IOException if the rest does not arrive, or the content has another digest
   */
  public int read(byte[] buffer) throws IOException {
    if (hash == null) {
      return readInTurn(buffer);
    }
    while (!isEnded) {
      int n = readInTurn(buffer);
      if (n < 0) {
        return finish(hash, buffer);
      }
      hash.update(buffer, 0, n);
      int ready = hold(buffer, n);
      if (ready > 0) {
        return ready;
      }
    }
    return -1;
  }

  /** Ends the transfer; does not wait for the source. */
  @Override
  public void close() {
    delivery.cut();
    delivery.close();
  }

  /** Reads at least one byte unless it is the end, however often the slot is lost meanwhile. */
  private int readInTurn(byte[] buffer) throws IOException {
    int n = delivery.read(buffer);
    while (n == 0) {
      delivery.takeTurn();
      n = delivery.read(buffer);
    }
    return n;
  }

  /** Holds back the last of {@code n} bytes, and puts the byte that was held back before them. */
  private int hold(byte[] buffer, int n) {
    byte next = buffer[n - 1];
    if (!isHolding) {
      heldByte = next;
      isHolding = true;
      return n - 1;
    }
    System.arraycopy(buffer, 0, buffer, 1, n - 1);
    buffer[0] = heldByte;
    heldByte = next;
    return n;
  }

  private int finish(MessageDigest all, byte[] buffer) throws IOException {
    isEnded = true;
    if (!Digest.ofHash(digest.algorithm(), all.digest()).equals(digest)) {
      throw new IOException("upstream " + delivery.source().name() + " sent wrong content");
    }
    if (!isHolding) {
      return -1;
    }
    buffer[0] = heldByte;
    return 1;
  }
}
