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
 * A blob, or a part of it, that goes from an upstream straight to one client and is not kept: there
 * is no room for it, or it lies far ahead of what has been downloaded. Used by one thread.
 *
 * <p>The last byte of a whole blob is given only when the digest of all is verified, also if it was
 * asked for as a range. A part cannot be verified, so of a blob of unknown length there are none:
 * any of them might be the whole.
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

  /** What came of opening one. */
  sealed interface Opened {
    /** It comes. */
    record Coming(DirectBlob blob) implements Opened {}

    /** No source gives it. */
    record Failed(PullSource source, Answer<?> answer) implements Opened {}

    /** The source would send all that lies before it too. */
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
   * @param delivery not begun yet
   * @param held the bytes from {@code from} on that have come already, at most one
   * @param before the hash of all bytes up to and with those
   * @throws IOException if no source gives it
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
   * Opens a blob from a position on, without a verdict at its end.
   *
   * @param delivery not begun yet
   * @throws IOException if no source gives it
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

  /** Begins a delivery; one that finds nothing is closed. */
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

  /** Returns the name of the source that it comes from. */
  String source() {
    return delivery.source().name();
  }

  public Digest digest() {
    return digest;
  }

  /** Returns the length of the whole blob in bytes, or -1 if the upstream does not say. */
  public long size() {
    return delivery.size();
  }

  /** Returns the position of its first byte in the blob. */
  public long from() {
    return from;
  }

  /** Returns how many bytes come, or -1 if the upstream does not say. */
  public long count() {
    if (size() < 0) {
      return -1;
    }
    long end = last.isPresent() ? Math.min(size(), last.getAsLong() + 1) : size();
    return end - from;
  }

  /** Says whether it is a part of the blob. */
  public boolean isPart() {
    return hash == null;
  }

  /**
   * Reads what may be sent, at least one byte; returns how many, or -1 at the end.
   *
   * @param buffer of at least two bytes
   * @throws IOException if the rest does not come, or the content has another digest
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

  /** Ends it; does not wait for the source. */
  @Override
  public void close() {
    delivery.cut();
    delivery.close();
  }

  /** Reads at least one byte, however often the connection goes to another delivery meanwhile. */
  private int readInTurn(byte[] buffer) throws IOException {
    int n = delivery.read(buffer);
    while (n == 0) {
      delivery.takeTurn();
      n = delivery.read(buffer);
    }
    return n;
  }

  /** Keeps the last of {@code n} bytes back, and puts the one that was kept before them. */
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
