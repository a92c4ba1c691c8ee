package dev.cistern.mirror;

import dev.cistern.base.Guarded;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.Digest;
import dev.cistern.storage.PartialBlob;
import dev.cistern.storage.UnwritableStoreException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Download of one blob from an upstream into the store, and the readers that follow it.
 *
 * <p>A thread of its own ({@link #run}) reads from the upstream, hashes, and writes to the file. It
 * then publishes the position up to which the file may be read ({@link #available}). Readers never
 * use the network: they read the file up to that position, and are woken when there is more. Any
 * number of readers therefore costs one download, and no reader can delay or stop it.
 *
 * <p>The last byte becomes available only after the digest of the whole blob is verified. A reader
 * that received wrong bytes never gets the last one, and its connection is cut. While the length is
 * unknown, each byte may be the last, so the newest byte is held back.
 *
 * <p>A broken connection is resumed where it broke ({@link Delivery}). The bytes of a failed
 * download stay in the file for the next attempt, unless the digest was wrong or there was no room.
 */
public final class Fill {
  private static final Logger LOG = LoggerFactory.getLogger(Fill.class);
  static final long LEAST_AHEAD_BYTES = 8L << 20;
  private static final long SLICE_NANOS = 2_000_000;

  private enum State {
    RUNNING,
    VERIFIED,
    FAILED
  }

  /** Results of a fill. */
  enum Outcome {
    /** The blob is stored. */
    STORED,
    /** The bytes did not arrive, or could not be stored. */
    FAILED,
    /** The content has another digest. */
    WRONG
  }

  /** State of a fill when its first byte can be sent, or when it is certain that none will be. */
  sealed interface Start {
    /**
     * The upstream sends the blob, of {@code size} bytes, or -1 if it does not report the length.
     */
    record Sending(long size) implements Start {}

    /**
     * The whole blob is stored. Its bytes were left by an earlier download or were in quarantine.
     * Or it is empty, and has no last byte to hold back until it is verified.
     */
    record AlreadyHere() implements Start {}

    /** No upstream provides the blob. */
    record Failed(Answer<?> answer) implements Start {}

    /** The store has no room for the blob. */
    record NoRoom() implements Start {}

    /** The download failed in this server. */
    record Broken(IOException cause) implements Start {}

    /** The download ended with an unexpected exception, which is reported. */
    record Aborted() implements Start {}
  }

  private final PartialBlob blob;
  private final List<PullSource> sources;
  private final Delivery delivery;
  private final CompletableFuture<Start> start = new CompletableFuture<>();
  private final CompletableFuture<@Nullable Void> ended = new CompletableFuture<>();
  private final Set<Runnable> followers = ConcurrentHashMap.newKeySet();
  private final FillHolds holds;
  private volatile PullSource source;
  private volatile long size = -1;
  private volatile long available;
  private volatile long resumedAt;
  private volatile long begunNanos;
  private volatile State state = State.RUNNING;
  private volatile boolean isOverflown;
  private volatile byte[] unpublished = {};
  private volatile boolean isStopped;
  private volatile @Nullable Thread thread;
  private volatile Start failure =
      new Start.Broken(new IOException("a download ended before its first byte"));

  /**
   * @param sources the sources of the location that the fill was started for
   * @param delivery a delivery that has not begun
   * @param holds the holds, including that of the download
   */
  Fill(PartialBlob blob, List<PullSource> sources, Delivery delivery, FillHolds holds) {
    this.holds = holds;
    this.blob = blob;
    this.sources = sources;
    this.delivery = delivery;
    this.source = delivery.source();
  }

  /** Returns the digest of the blob. */
  public Digest digest() {
    return blob.digest();
  }

  /** Returns the length of the whole blob in bytes, or -1 if the upstream does not report it. */
  public long size() {
    return size;
  }

  /** Returns the position up to which the file may be read. Never decreases. */
  public long available() {
    return available;
  }

  /**
   * Returns the position that the download will probably reach within a second, at least {@value
   * #LEAST_AHEAD_BYTES} bytes beyond {@link #available}.
   */
  long expected() {
    long there = available;
    long seconds = Math.max(1, (System.nanoTime() - begunNanos) / 1_000_000_000L);
    return there + Math.max(LEAST_AHEAD_BYTES, (there - resumedAt) / seconds);
  }

  /** Returns whether the whole blob is available and verified. */
  public boolean isComplete() {
    return state == State.VERIFIED;
  }

  /** Returns whether the fill ended without the whole blob being available. */
  public boolean isFailed() {
    return state == State.FAILED;
  }

  /** Returns whether the fill ended because there was no room for the rest; see {@link #rest}. */
  public boolean isOverflown() {
    return isOverflown;
  }

  /**
   * Opens the bytes that there was no room for, for one reader: the blob from {@code from} on.
   * Blocks.
   *
   * @param from {@link #available}, or a later position, from which the rest cannot be verified
   * @throws IOException if the bytes do not arrive
   * @throws IllegalStateException if there was room, or {@code from} is below {@link #available}
   */
  public DirectBlob rest(long from) throws IOException {
    if (!isOverflown || from < available) {
      throw new IllegalStateException("from " + from + " on " + digest() + " is here");
    }
    return from == available
        ? DirectBlob.rest(delivery.another(), digest(), from, unpublished, blob.hash())
        : DirectBlob.part(delivery.another(), digest(), from);
  }

  /**
   * Returns whether the fill failed and its {@link #start} is completed. New readers need a new
   * fill, which may succeed.
   */
  boolean isBroken() {
    return isFailed() && start.isDone();
  }

  /** Returns the file. Read it only at positions below {@link #available}. */
  public FileChannel channel() {
    return blob.channel();
  }

  /** Returns the source that currently sends the bytes. */
  PullSource source() {
    return source;
  }

  /**
   * Returns the answers of the sources that did not provide the blob; known when the fill has
   * started.
   */
  List<String> others() {
    return delivery.others();
  }

  /** Returns the sources that the blob may come from. */
  List<PullSource> sources() {
    return sources;
  }

  /** Returns the sources that sent bytes; known when the fill has ended. */
  Set<PullSource> givers() {
    return delivery.givers();
  }

  /**
   * Calls {@code follower} whenever there is more to read, and when the fill ends. The follower
   * must not block.
   */
  public void follow(Runnable follower) {
    followers.add(follower);
  }

  /** Ends {@link #follow}. */
  public void unfollow(Runnable follower) {
    followers.remove(follower);
  }

  /** Keeps the file open; returns false if it is already closed. */
  public boolean retain() {
    return holds.retain();
  }

  /** Returns whether the fill has a connection slot, and does not wait for one. */
  boolean hasTurn() {
    return delivery.hasTurn();
  }

  /**
   * Turns one hold into a background hold, which does not count as a follower, until {@link
   * #stepForward}.
   */
  void stepBack() {
    holds.stepBack();
  }

  /** Ends {@link #stepBack}. Must be called before that hold is released. */
  void stepForward() {
    holds.stepForward();
  }

  /** Ends {@link #retain}; the last call closes the file. */
  public void release() {
    if (holds.release()) {
      try {
        blob.close();
      } catch (IOException e) {
        LOG.atWarn().addKeyValue("digest", digest()).setCause(e).log("file not closed");
      }
    }
  }

  CompletableFuture<Start> start() {
    return start;
  }

  /** Returns a future that completes normally when the fill has ended, successful or not. */
  CompletableFuture<@Nullable Void> ended() {
    return ended;
  }

  /**
   * Notifies followers and waiting threads that the fill has ended; called when it is removed from
   * {@link Fills}.
   */
  void end() {
    if (state == State.RUNNING) {
      state = State.FAILED;
      wake();
    }
    start.complete(failure);
    ended.complete(null);
  }

  /**
   * Waits for a connection slot; returns false if none will be available because the server is
   * stopping.
   */
  boolean takesTurn() {
    try {
      delivery.takeTurn();
      return true;
    } catch (IOException e) {
      fail(new Start.Broken(e), String.valueOf(e.getMessage()));
      delivery.close();
      return false;
    }
  }

  /**
   * Downloads, verifies and stores the blob. Throws nothing: every exception on the way ends the
   * fill.
   *
   * @param buffers the pool, of which one buffer is in use while bytes arrive
   */
  Outcome run(Buffers buffers) {
    Outcome outcome = Outcome.FAILED;
    try (delivery) {
      if (isStopped) {
        return outcome;
      }
      if (isStored()) {
        start.complete(new Start.AlreadyHere());
        return Outcome.STORED;
      }
      if (begin()) {
        receive(buffers);
        outcome = finish();
      }
    } catch (Delivery.FailedException e) {
      fail(new Start.Failed(e.answer()), String.valueOf(e.getMessage()));
    } catch (UnwritableStoreException e) {
      overflow();
      fail(new Start.NoRoom(), String.valueOf(e.getMessage()));
    } catch (IOException e) {
      if (!isStopped) {
        LOG.atError().addKeyValue("digest", digest()).setCause(e).log("fill failed");
      }
      fail(new Start.Broken(e), String.valueOf(e.getMessage()));
    } catch (RuntimeException | Error e) {
      Guarded.report("fill of " + digest(), e);
      fail(new Start.Aborted(), "internal error");
    } finally {
      if (state == State.RUNNING) {
        state = State.FAILED;
      }
      wake();
      removeIfEmpty();
    }
    return outcome;
  }

  /**
   * Stores the blob without its sources, if it is in quarantine or an earlier attempt received all
   * of it; returns whether it did.
   */
  private boolean isStored() throws IOException {
    if (blob.takeBack()) {
      return true;
    }
    blob.resume();
    if (blob.length() == 0 || !blob.isVerified()) {
      return false;
    }
    blob.commit();
    return true;
  }

  /** Returns whether a client reads the blob or waits for its first byte. */
  boolean isFollowed() {
    return holds.isFollowed();
  }

  /** Sets the downloading thread, so that {@link #stop} can interrupt it. */
  void runsOn(Thread downloading) {
    thread = downloading;
  }

  /**
   * Stops reading from the upstream; the received bytes stay in the file. May be called by any
   * thread.
   */
  void stop() {
    isStopped = true;
    @Nullable Thread running = thread;
    if (running != null) {
      running.interrupt();
    }
  }

  /**
   * Syncs the received bytes, after the end of a fill that was stopped.
   *
   * @return whether bytes are stored for the next attempt
   */
  boolean keep() throws IOException {
    if (isComplete() || blob.length() == 0) {
      return false;
    }
    blob.sync();
    return true;
  }

  /** Finds a source and reserves room; returns false if no source provides the blob. */
  private boolean begin() throws IOException {
    Answer<?> answer = delivery.begin(blob.length());
    if (delivery.size() >= 0 && blob.length() >= delivery.size() && blob.length() > 0) {
      blob.clear(); // not a beginning: as long as the blob, but with wrong content
      answer = delivery.begin(0);
    }
    source = delivery.source();
    if (!(answer instanceof Answer.Found)) {
      fail(new Start.Failed(answer), Failures.reason(answer));
      return false;
    }
    size = delivery.size();
    if (size >= 0) {
      blob.reserve(size - blob.length());
    }
    begunNanos = System.nanoTime();
    resumedAt = blob.length();
    if (size != 0) {
      publishUnverified(blob.length());
      start.complete(new Start.Sending(size));
    }
    return true;
  }

  /**
   * Writes the received bytes up to the end, or beyond it if the source sends too much. Without a
   * slot it waits, and holds no buffer.
   */
  private void receive(Buffers buffers) throws IOException {
    boolean isOver = false;
    while (!isOver) {
      try (Buffers.Buffer buffer = buffers.take()) {
        isOver = receive(buffer.bytes());
      }
      if (!isOver) {
        delivery.takeTurn();
      }
    }
  }

  /**
   * Writes received bytes; returns true at the end, and false if the slot was lost. Yields at
   * intervals, because an upstream that always has bytes ready would keep new requests from the
   * carrier of this virtual thread.
   */
  @SuppressWarnings("ThreadPriorityCheck")
  private boolean receive(byte[] buffer) throws IOException {
    long sliceBegan = System.nanoTime();
    int n = delivery.read(buffer);
    while (n > 0) {
      source = delivery.source();
      blob.append(ByteBuffer.wrap(buffer, 0, n), this::publishUnverified);
      if (size >= 0 && blob.length() > size) {
        return true;
      }
      if (System.nanoTime() - sliceBegan > SLICE_NANOS) {
        Thread.yield();
        sliceBegan = System.nanoTime();
      }
      n = delivery.read(buffer);
    }
    return n < 0;
  }

  /**
   * Allows followers to continue without the store, and releases the room that was used in vain. A
   * download that received the whole length has no rest to continue with, and its last byte stays
   * unverified.
   */
  private void overflow() {
    try {
      if (size < 0 || blob.length() < size) {
        publishUnverified(blob.length());
        unpublished = written(available, blob.length());
        isOverflown = true;
      }
      blob.discard();
    } catch (IOException e) {
      LOG.atWarn().addKeyValue("digest", digest()).setCause(e).log("file not removed");
    }
  }

  /** Returns the bytes of the file from one position to another, at most one byte. */
  private byte[] written(long from, long to) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate((int) (to - from));
    if (bytes.hasRemaining() && blob.channel().read(bytes, from) != bytes.capacity()) {
      throw new IOException("the file of " + digest() + " is shorter than what was written");
    }
    return bytes.array();
  }

  private Outcome finish() throws IOException {
    if (!blob.isVerified()) {
      LOG.atWarn()
          .addKeyValue("digest", digest())
          .addKeyValue("upstream", source().name())
          .log("upstream sent wrong content");
      fail(new Start.Failed(new Answer.Unreachable<>("it sent wrong content")), "wrong content");
      blob.discard();
      return Outcome.WRONG;
    }
    size = blob.length();
    publish(size);
    state = State.VERIFIED; // after publish(): complete implies readable
    wake();
    blob.commit();
    start.complete(new Start.AlreadyHere());
    return Outcome.STORED;
  }

  private void removeIfEmpty() {
    try {
      if (isFailed() && blob.length() == 0) {
        blob.discard();
      }
    } catch (IOException | RuntimeException e) {
      LOG.atWarn().addKeyValue("digest", digest()).setCause(e).log("file not removed");
    }
  }

  /**
   * Publishes the written bytes to followers, except for the last byte, which waits for
   * verification. If the length is unknown, the newest byte is held back.
   */
  private void publishUnverified(long length) {
    publish(size < 0 ? length - 1 : Math.min(length, size - 1));
  }

  private void publish(long length) {
    available = Math.max(available, length);
    wake();
  }

  /** Wakes all followers, even if one of them throws. */
  private void wake() {
    followers.forEach(follower -> Guarded.run("follower of a fill", follower));
  }

  private void fail(Start answer, String reason) {
    if (state == State.RUNNING) {
      state = State.FAILED;
      LOG.atInfo()
          .addKeyValue("digest", digest())
          .addKeyValue("upstream", source().name())
          .addKeyValue("reason", reason)
          .log("fill ended");
    }
    failure = answer;
  }
}
