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
 * A blob, or a part of it, on its way from the pull sources, over as many connections as it takes:
 * one that breaks is resumed by Range where it broke, at the same source or the next. What comes is
 * in order and without gaps; whether it is right is for the receiver to find out.
 *
 * <p>Used by one thread.
 */
final class Delivery implements AutoCloseable {
  private static final int TRIES_WITHOUT_PROGRESS = 5;
  private static final int TRIES_AT_ONE_SOURCE = 2;
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

  private final Asker asker;
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
   * @param sources in the order they are to be asked, at least one
   * @param last the position of the last; none for the end of the blob
   */
  Delivery(
      Asker asker, Location location, List<PullSource> sources, Digest digest, OptionalLong last) {
    this.asker = asker;
    this.location = location;
    this.sources = new ArrayList<>(sources);
    this.digest = digest;
    this.last = last;
    this.source = sources.getFirst();
  }

  /** Returns one of the same content that is not begun. */
  Delivery another() {
    return new Delivery(asker, location, sources, digest, last);
  }

  /** Bytes did not come, though all was tried. */
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
   * Asks for the blob from a position on; what a source sends before it is skipped. To be called
   * before {@link #read}; called again, it starts anew from there.
   *
   * @return found, or why no source gives it
   */
  Answer<?> begin(long from) throws IOException {
    close();
    position = from;
    size = -1;
    Asker.Asked<RemoteBlob> asked = asker.insist(location, sources, this::open);
    others = asked.others();
    accept(asked);
    return asked.answer();
  }

  /** Returns the length of the whole blob in bytes, or -1 if no source says. */
  long size() {
    return size;
  }

  /** Returns the position of the next byte. */
  long position() {
    return position;
  }

  /** Says whether bytes before the wanted ones come, since the source knows no ranges. */
  boolean skips() {
    return skip > 0;
  }

  /** Returns the source that is being read, or was asked last. */
  PullSource source() {
    return source;
  }

  /** Returns what the sources said that were asked at the beginning and had nothing to give. */
  List<String> others() {
    return others;
  }

  /** Returns all sources that gave bytes. */
  Set<PullSource> givers() {
    return givers;
  }

  /**
   * Reads what has come, at least one byte; returns how many, or -1 at the end. Of a part, never
   * more than was asked for, whatever the source sends.
   *
   * @throws FailedException if no more comes though it is not the end
   */
  int read(byte[] buffer) throws IOException {
    while (true) {
      if (last.isPresent() && isAtEnd()) {
        return -1;
      }
      String trouble = "no connection";
      if (remote != null) {
        try {
          int n = readOnce(remote, buffer);
          if (n >= 0 || isAtEnd()) {
            return n;
          }
          trouble = "it sent too little";
        } catch (IOException e) {
          trouble = "the connection broke: " + e.getMessage();
        }
      }
      resume(trouble);
    }
  }

  @Override
  public void close() {
    if (remote != null) {
      remote.close();
      remote = null;
    }
  }

  private Answer<RemoteBlob> open(Upstream upstream, PullSource from) {
    return asker.outside().open(upstream, from, digest, position, last);
  }

  /** Takes the connection that was opened; returns what is wrong with it, or "". */
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
    return "";
  }

  /** Reads from one connection, past what is to be skipped. */
  private int readOnce(RemoteBlob from, byte[] buffer) throws IOException {
    while (true) {
      int n = from.read(buffer);
      if (n < 0) {
        return n;
      }
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

  /** Says whether all has come; a blob of unknown length has when its source says so. */
  private boolean isAtEnd() {
    long end = end();
    return end < 0 || position >= end;
  }

  /** Returns the position after the last wanted byte, or -1 if no source says. */
  private long end() {
    if (last.isEmpty()) {
      return size;
    }
    long end = last.getAsLong() + 1;
    return size < 0 ? end : Math.min(size, end);
  }

  /** Opens the next connection, at the latest when the tries are used up. */
  private void resume(String why) throws IOException {
    String trouble = why;
    Optional<Duration> wanted = Optional.empty();
    while (true) {
      close();
      if (idleTries == TRIES_WITHOUT_PROGRESS) {
        throw new FailedException(new Answer.Unreachable<>(trouble), trouble);
      }
      asker.outside().pause(wanted.orElse(FIRST_PAUSE.multipliedBy(1L << idleTries)));
      idleTries++;
      if (idleTries % TRIES_AT_ONE_SOURCE == 0) {
        sources.remove(source);
        sources.add(source);
      }
      Asker.Asked<RemoteBlob> asked = asker.ask(location, sources, this::open);
      trouble = accept(asked);
      if (trouble.isEmpty()) {
        return;
      }
      wanted = asked.answer().retryAfter();
      if (wanted.isPresent() && wanted.get().compareTo(LONGEST_WAIT) > 0) {
        throw new FailedException(asked.answer(), trouble);
      }
    }
  }
}
