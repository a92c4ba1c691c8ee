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
 * One blob on its way from an upstream into the store, and the readers that follow it.
 *
 * <p>A thread of its own ({@link #run}) reads from the upstream, hashes and writes to the file, and
 * then tells how far the file may be read ({@link #available}). Readers never touch the network:
 * they read the file up to there, and are woken when there is more. So any number of readers costs
 * one download, and none of them can hold it up or stop it.
 *
 * <p>The last byte becomes available only after the digest of the whole is verified: a reader that
 * was given wrong bytes is left without the last, and sees its connection cut. While the length is
 * unknown, each byte may be the last, so the newest one waits.
 *
 * <p>A connection that breaks is resumed where it broke ({@link Delivery}). What came of a failed
 * download stays in the file for the next try, unless the digest was wrong.
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

  /** How it ended. */
  enum Outcome {
    /** The blob is stored. */
    STORED,
    /** It did not come, or cannot be kept. */
    FAILED,
    /** What came has another digest. */
    WRONG
  }

  /** What is known when the first byte can be sent, or that there will be none. */
  sealed interface Start {
    /** The upstream sends it; its length in bytes, or -1. */
    record Sending(long size) implements Start {}

    /**
     * All of it is stored: an earlier download had left it, or it is empty, and has no last byte to
     * keep back until it is verified.
     */
    record AlreadyHere() implements Start {}

    /** No upstream gives it. */
    record Failed(Answer<?> answer) implements Start {}

    /** There is no room for it. */
    record NoRoom() implements Start {}

    /** It cannot be kept here. */
    record Broken(IOException cause) implements Start {}

    /** It ended by what no one expected, which is reported. */
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
   * @param sources those of the location that the fill was started for
   * @param delivery not begun yet
   * @param holds with that of the download
   */
  Fill(PartialBlob blob, List<PullSource> sources, Delivery delivery, FillHolds holds) {
    this.holds = holds;
    this.blob = blob;
    this.sources = sources;
    this.delivery = delivery;
    this.source = delivery.source();
  }

  /** Returns the digest of what is being fetched. */
  public Digest digest() {
    return blob.digest();
  }

  /** Returns the length of the whole in bytes, or -1 if the upstream does not say. */
  public long size() {
    return size;
  }

  /** Returns up to which position the file may be read. Never moves back. */
  public long available() {
    return available;
  }

  /**
   * Returns up to which position it is likely to come within a second, and at least {@value
   * #LEAST_AHEAD_BYTES} bytes beyond what is there.
   */
  long expected() {
    long there = available;
    long seconds = Math.max(1, (System.nanoTime() - begunNanos) / 1_000_000_000L);
    return there + Math.max(LEAST_AHEAD_BYTES, (there - resumedAt) / seconds);
  }

  /** Says whether all is there and verified. */
  public boolean isComplete() {
    return state == State.VERIFIED;
  }

  /** Says whether no more will come, though not all is there. */
  public boolean isFailed() {
    return state == State.FAILED;
  }

  /** Says whether no more will come because there was no room for it; see {@link #rest}. */
  public boolean isOverflown() {
    return isOverflown;
  }

  /**
   * Opens what there was no room for, for one reader: the blob from {@code from} on. Blocks.
   *
   * @param from {@link #available}; or more, and then the rest cannot be verified, like any part
   * @throws IOException if it does not come
   * @throws IllegalStateException if there was room
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
   * Says whether it began to send and failed then: no more comes, and the next try may be right.
   */
  boolean isBroken() {
    return isFailed() && start.isDone();
  }

  /** Returns the file; read it at positions below {@link #available} only. */
  public FileChannel channel() {
    return blob.channel();
  }

  /** Returns the source that it comes from now. */
  PullSource source() {
    return source;
  }

  /** Returns what the sources said that had nothing to give; known when it has started. */
  List<String> others() {
    return delivery.others();
  }

  /** Returns where it may come from. */
  List<PullSource> sources() {
    return sources;
  }

  /** Returns who gave bytes; known when it has ended. */
  Set<PullSource> givers() {
    return delivery.givers();
  }

  /**
   * Wakes {@code follower} whenever there is more to read, or no more will come. It must not block.
   */
  public void follow(Runnable follower) {
    followers.add(follower);
  }

  /** Ends {@link #follow}. */
  public void unfollow(Runnable follower) {
    followers.remove(follower);
  }

  /** Keeps the file open; returns false if it is closed already. */
  public boolean retain() {
    return holds.retain();
  }

  /**
   * Returns whether it has a connection, or is about to have one, and does not wait for its turn.
   */
  boolean hasTurn() {
    return delivery.hasTurn();
  }

  /** Makes a hold one that others need not wait for, until {@link #stepForward}. */
  void stepBack() {
    holds.stepBack();
  }

  /** Ends {@link #stepBack}, before that hold is released. */
  void stepForward() {
    holds.stepForward();
  }

  /** Ends {@link #retain}; the last one closes the file. */
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

  /** Is fulfilled when it has ended, well or not. */
  CompletableFuture<@Nullable Void> ended() {
    return ended;
  }

  /** Tells those who wait that no more comes; called when this fill is forgotten. */
  void end() {
    if (state == State.RUNNING) {
      state = State.FAILED;
      wake();
    }
    start.complete(failure);
    ended.complete(null);
  }

  /**
   * Waits until it may have a connection; returns false if that will not be, since the server is
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
   * Downloads, verifies and stores. Whatever is thrown on the way ends it: this throws nothing.
   *
   * @param buffers of which it has one while bytes come
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
   * Stores the blob without its sources: from the quarantine, or because an earlier try had all.
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

  /** Returns whether a client reads it or waits for its first byte. */
  boolean isFollowed() {
    return holds.isFollowed();
  }

  /** Tells which thread downloads, so that {@link #stop} ends what it waits for. */
  void runsOn(Thread downloading) {
    thread = downloading;
  }

  /** Stops reading from the upstream; what has come stays in the file. Any thread. */
  void stop() {
    isStopped = true;
    @Nullable Thread running = thread;
    if (running != null) {
      running.interrupt();
    }
  }

  /**
   * Syncs what has come, after the end of a fill that was stopped.
   *
   * @return whether something is kept for the next try
   */
  boolean keep() throws IOException {
    if (isComplete() || blob.length() == 0) {
      return false;
    }
    blob.sync();
    return true;
  }

  /** Finds a source, and room; returns false if there is no source. */
  private boolean begin() throws IOException {
    Answer<?> answer = delivery.begin(blob.length());
    if (delivery.size() >= 0 && blob.length() >= delivery.size() && blob.length() > 0) {
      blob.clear(); // it is no beginning of this blob: all of it is there, and is wrong
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
   * Writes the received bytes, to the end or one byte beyond it. While others have their turn it
   * waits, without a buffer.
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
   * Writes received bytes; returns whether that was all, or else its turn is over. Yields on the
   * way, since an upstream that always has more would keep the carrier of this virtual thread from
   * new requests.
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
   * Lets the followers go on without the store, and gives back the room that was used in vain. What
   * has its whole length has no rest to go on with, and its last byte is not verified.
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

  /** Returns what the file has from one position to another, a byte at most. */
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
    state = State.VERIFIED; // after all can be read: who sees that it is complete sees all of it
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
   * Publishes the written bytes to followers, but for the last byte, which waits for the verdict;
   * of an unknown length that is the newest.
   */
  private void publishUnverified(long length) {
    publish(size < 0 ? length - 1 : Math.min(length, size - 1));
  }

  private void publish(long length) {
    available = Math.max(available, length);
    wake();
  }

  /** A follower that breaks keeps no other from being woken. */
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
