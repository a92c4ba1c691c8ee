package dev.cistern.mirror;

import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteBlob;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.Digest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Transfer of a blob or a part of it from the pull sources, over as many connections as needed. A
 * broken connection is resumed by a Range request where it broke, at the same source or the next.
 * The bytes arrive in order and without gaps; the receiver must verify them.
 *
 * <p>A delivery competes with others for the connection slots of its upstream ({@link BlobTurns}).
 * A delivery that loses its slot also loses its connection, and resumes when it gets a slot again.
 *
 * <p>Used by one thread, except where a method says otherwise.
 */
final class Delivery implements AutoCloseable {
  private static final int TRIES_WITHOUT_PROGRESS = 5;
  private static final int TRIES_AT_ONE_SOURCE = 2;
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  private final Deliveries deliveries;
  private final Asker asker;
  private final BlobTurns.Turn turn;
  private final Location location;
  private final Digest digest;
  private final OptionalLong last;
  private final List<PullSource> sources;
  private final Set<PullSource> givers = new HashSet<>();
  private @Nullable RemoteBlob remote;
  private volatile List<String> others = List.of();
  private PullSource source;
  private long position;
  private long skip;
  private long size = -1;
  private int idleTries;

  /**
   * @param turn the turn that this delivery takes and ends
   * @param sources the sources in the order to ask them, at least one
   * @param last the position of the last byte; empty for the end of the blob
   */
  Delivery(
      Deliveries deliveries,
      BlobTurns.Turn turn,
      Location location,
      List<PullSource> sources,
      Digest digest,
      OptionalLong last) {
    this.deliveries = deliveries;
    this.asker = deliveries.asker();
    this.turn = turn;
    this.location = location;
    this.sources = new ArrayList<>(sources);
    this.digest = digest;
    this.last = last;
    this.source = sources.getFirst();
  }

  /**
   * Returns a new delivery of the same content that has not begun, for a receiver that waits for
   * it.
   */
  Delivery another() {
    return deliveries.of(location, sources, digest, last, () -> true);
  }

  /**
   * Failure to receive the next bytes: all retries failed, or a source asks for too long a pause.
   */
  static final class FailedException extends IOException {
    private static final long serialVersionUID = 1L;

    private final transient Answer<?> answer;

    FailedException(Answer<?> answer, String reason) {
      super(reason);
      this.answer = answer;
    }

    Answer<?> answer() {
      return answer;
    }
  }

  /**
   * Asks for the blob from a position on; bytes that a source sends before it are skipped. Must be
   * called before {@link #read}. A repeated call starts again from the given position.
   *
   * @return found, or why no source provides the blob
   * @throws IOException if the server is stopping
   */
  Answer<?> begin(long from) throws IOException {
    disconnect();
    position = from;
    size = -1;
    while (true) {
      takeTurn();
      Optional<Asker.Asked<RemoteBlob>> asked =
          inTurn(() -> asker.insist(location, sources, this::open));
      if (asked.isPresent()) {
        others = asked.get().others();
        accept(asked.get());
        return asked.get().answer();
      }
    }
  }

  /**
   * Waits until this delivery has a slot, and so may open a connection.
   *
   * @throws IOException if the server is stopping
   */
  void takeTurn() throws IOException {
    turn.take();
  }

  /** Returns whether this delivery has a slot; may be called by any thread. */
  boolean hasTurn() {
    return turn.isTaken();
  }

  /** A request for a connection. */
  private interface Opening {
    Asker.Asked<RemoteBlob> ask() throws IOException;
  }

  /**
   * Asks for a connection. Returns empty if the request failed and the slot was lost to another
   * delivery meanwhile.
   */
  private Optional<Asker.Asked<RemoteBlob>> inTurn(Opening opening) throws IOException {
    turn.beginOpening();
    try {
      Asker.Asked<RemoteBlob> asked = opening.ask();
      return asked.answer() instanceof Answer.Found || !turn.isPaused()
          ? Optional.of(asked)
          : Optional.empty();
    } catch (IOException e) {
      if (turn.isPaused()) {
        return Optional.empty();
      }
      throw e;
    } finally {
      turn.endOpening();
    }
  }

  /** Returns the length of the whole blob in bytes, or -1 if no source reports it. */
  long size() {
    return size;
  }

  /** Returns the position of the next byte. */
  long position() {
    return position;
  }

  /**
   * Returns whether the source sends bytes before the requested ones, because it does not support
   * ranges.
   */
  boolean skips() {
    return skip > 0;
  }

  /** Returns the source that is being read, or was asked last. */
  PullSource source() {
    return source;
  }

  /**
   * Returns the answers of the sources that were asked at the beginning and did not provide the
   * blob, each {@code NAME: REASON}.
   */
  List<String> others() {
    return others;
  }

  /** Returns all sources that provided bytes. */
  Set<PullSource> givers() {
    return givers;
  }

  /**
   * Reads received bytes, at least one; returns their number, or -1 at the end. For a part of a
   * blob it never returns more bytes than requested, whatever the source sends. Returns 0 if the
   * slot was lost to another delivery. Then {@link #takeTurn} must be called before the next read.
   *
   * @throws FailedException if the source sends nothing further before the end
   */
  int read(byte[] buffer) throws IOException {
    boolean hadNone = remote == null;
    while (true) {
      if (last.isPresent() && isAtEnd()) {
        return -1;
      }
      if (turn.isPaused()) {
        disconnect();
        return 0;
      }
      String trouble = "no connection";
      if (remote != null) {
        try {
          int n = readOnce(remote, buffer);
          boolean isCut = size < 0 && turn.isPaused(); // not by the source
          if (n >= 0 || (isAtEnd() && !isCut)) {
            return n;
          }
          trouble = "it sent too little";
        } catch (IOException e) {
          trouble = "the connection broke: " + e.getMessage();
        }
      }
      if (!turn.isPaused()) {
        resume(trouble, hadNone);
        hadNone = false;
      }
    }
  }

  /**
   * Cuts a connection that has more bytes to send, so that {@link #close} does not wait for them.
   */
  void cut() {
    if (remote != null && !isAtEnd()) {
      remote.cut();
    }
  }

  /** Ends the connection and the turn; may wait for the small rest of a response. */
  @Override
  public void close() {
    try {
      disconnect();
    } finally {
      turn.close();
    }
  }

  private void disconnect() {
    RemoteBlob closing = remote;
    remote = null;
    if (closing != null) {
      closing.close();
    }
  }

  private Answer<RemoteBlob> open(Upstream upstream, PullSource from) {
    return asker.outside().open(upstream, from, digest, position, last);
  }

  /** Takes over the opened connection; returns what is wrong with it, or "". */
  private String accept(Asker.Asked<RemoteBlob> asked) {
    source = asked.source();
    if (!(asked.answer() instanceof Answer.Found<RemoteBlob>(RemoteBlob found))) {
      return Failures.reason(asked.answer());
    }
    if (size >= 0 && found.size() != size) {
      found.close();
      return "it now says another size";
    }
    if (found.from() > position) {
      found.close();
      return "it sent another range than was asked for";
    }
    size = found.size();
    skip = position - found.from();
    remote = found;
    turn.opened(found::cut);
    return "";
  }

  /** Reads from one connection, after skipping the bytes before the requested ones. */
  private int readOnce(RemoteBlob from, byte[] buffer) throws IOException {
    while (true) {
      int n = from.read(buffer);
      if (n < 0) {
        return n;
      }
      turn.moved(n);
      int skipped = (int) Math.min(skip, n);
      skip -= skipped;
      if (n > skipped) {
        int count = last.isPresent() ? (int) Math.min(n - skipped, end() - position) : n - skipped;
        System.arraycopy(buffer, skipped, buffer, 0, count);
        position += count;
        idleTries = 0;
        givers.add(source);
        return count;
      }
    }
  }

  /**
   * Returns whether all bytes have arrived. Always true if the length is unknown, because then the
   * source determines the end.
   */
  private boolean isAtEnd() {
    long end = end();
    return end < 0 || position >= end;
  }

  /** Returns the position after the last requested byte, or -1 if no source reports the length. */
  private long end() {
    if (last.isEmpty()) {
      return size;
    }
    long end = last.getAsLong() + 1;
    return size < 0 ? end : Math.min(size, end);
  }

  /**
   * Opens the next connection, or none if the slot was lost to another delivery. Throws if the
   * retries are used up.
   *
   * @param isAgain whether the slot was regained, so that the source is asked at once
   */
  private void resume(String why, boolean isAgain) throws IOException {
    String trouble = why;
    boolean isAtOnce = isAgain;
    Optional<Duration> wanted = Optional.empty();
    while (true) {
      disconnect();
      if (!isAtOnce) {
        pauseBeforeTry(trouble, wanted);
      }
      isAtOnce = false;
      Optional<Asker.Asked<RemoteBlob>> asked =
          inTurn(() -> asker.ask(location, sources, this::open));
      if (asked.isEmpty()) {
        return;
      }
      trouble = accept(asked.get());
      if (trouble.isEmpty()) {
        return;
      }
      wanted = asked.get().answer().retryAfter();
      if (wanted.isPresent() && wanted.get().compareTo(LONGEST_WAIT) > 0) {
        throw new FailedException(asked.get().answer(), trouble);
      }
    }
  }

  private void pauseBeforeTry(String trouble, Optional<Duration> wanted) throws IOException {
    if (idleTries == TRIES_WITHOUT_PROGRESS) {
      throw new FailedException(new Answer.Unreachable<>(trouble), trouble);
    }
    asker.outside().pause(wanted.orElse(FIRST_PAUSE.multipliedBy(1L << idleTries)));
    idleTries++;
    if (idleTries % TRIES_AT_ONE_SOURCE == 0) {
      sources.remove(source);
      sources.add(source);
    }
  }
}
