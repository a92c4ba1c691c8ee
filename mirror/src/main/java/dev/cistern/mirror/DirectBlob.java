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
 * <p>The last byte of a whole blob is given only when the digest of all is verified. A part cannot
 * be verified.
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

  static Opened open(Asker asker, Location location, Digest digest, long from, OptionalLong last)
      throws IOException {
    var delivery = new Delivery(asker, location, location.sources(), digest, last);
    Answer<?> answer = delivery.begin(from);
    if (!(answer instanceof Answer.Found)) {
      return new Opened.Failed(delivery.source(), answer);
    }
    if (delivery.skips() || (from > 0 && delivery.size() < 0)) {
      delivery.close();
      return new Opened.Rangeless();
    }
    boolean isWhole = from == 0 && last.isEmpty();
    return new Opened.Coming(
        new DirectBlob(
            delivery, digest, from, last, isWhole ? digest.algorithm().newHash() : null));
  }

  /**
   * Opens the rest of a blob.
   *
   * @param delivery not begun yet
   * @param before the hash of all bytes before {@code from}; null if it cannot be verified
   * @throws IOException if no source gives it
   */
  static DirectBlob rest(
      Delivery delivery, Digest digest, long from, @Nullable MessageDigest before)
      throws IOException {
    Answer<?> answer = delivery.begin(from);
    if (!(answer instanceof Answer.Found)) {
      throw new IOException("the rest does not come: " + Failures.reason(answer));
    }
    return new DirectBlob(delivery, digest, from, OptionalLong.empty(), before);
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
      return delivery.read(buffer);
    }
    while (!isEnded) {
      int n = delivery.read(buffer);
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

  @Override
  public void close() {
    delivery.close();
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
