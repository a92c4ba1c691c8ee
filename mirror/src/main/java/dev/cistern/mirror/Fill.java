package dev.cistern.mirror;

import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteBlob;
import dev.cistern.oci.Digest;
import dev.cistern.storage.PartialBlob;
import dev.cistern.storage.StoreFullException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongFunction;
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
 * was given wrong bytes is left without the last, and sees its connection cut.
 *
 * <p>A connection that breaks is resumed where it broke. What came of a failed download stays in
 * the file for the next try, unless the digest was wrong.
 */
public final class Fill {
  private static final Logger LOG = LoggerFactory.getLogger(Fill.class);
  private static final int BUFFER_BYTES = 256 << 10;
  private static final int TRIES_WITHOUT_PROGRESS = 3;
  private static final Duration PAUSE = Duration.ofMillis(200);

  private enum State {
    RUNNING,
    VERIFIED,
    FAILED
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

    /** It cannot be kept here. */
    record Broken(IOException cause) implements Start {}
  }

  private final PartialBlob blob;
  private final PullSource source;
  private final LongFunction<Answer<RemoteBlob>> open;
  private final CompletableFuture<Start> start = new CompletableFuture<>();
  private final Set<Runnable> followers = ConcurrentHashMap.newKeySet();
  private final AtomicInteger holders = new AtomicInteger(1);
  private volatile long size = -1;
  private volatile long available;
  private volatile State state = State.RUNNING;
  private volatile Start failure =
      new Start.Broken(new IOException("a download ended before its first byte"));

  /**
   * @param open asks {@code source} for the blob from a position on
   */
  Fill(PartialBlob blob, PullSource source, LongFunction<Answer<RemoteBlob>> open) {
    this.blob = blob;
    this.source = source;
    this.open = open;
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

  /** Says whether all is there and verified. */
  public boolean isComplete() {
    return state == State.VERIFIED;
  }

  /** Says whether no more will come, though not all is there. */
  public boolean isFailed() {
    return state == State.FAILED;
  }

  /** Returns the file; read it at positions below {@link #available} only. */
  public FileChannel channel() {
    return blob.channel();
  }

  /** Returns the name of the upstream. */
  public String upstream() {
    return source.upstream();
  }

  /** Returns where it comes from. */
  PullSource source() {
    return source;
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
    return holders.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
  }

  /** Ends {@link #retain}; the last one closes the file. */
  public void release() {
    if (holders.decrementAndGet() == 0) {
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

  /**
   * Tells those who wait for the first byte that none comes; called when this fill is forgotten.
   */
  void end() {
    start.complete(failure);
  }

  /** Downloads, verifies and stores; returns whether the content was what it should be. */
  boolean run() {
    boolean isTrue = true;
    try {
      blob.resume();
      if (blob.length() > 0 && blob.isVerified()) {
        blob.commit();
        start.complete(new Start.AlreadyHere());
        return true;
      }
      if (download()) {
        isTrue = finish();
      }
    } catch (StoreFullException e) {
      fail(new Start.Broken(e), String.valueOf(e.getMessage()));
    } catch (IOException e) {
      LOG.atError().addKeyValue("digest", digest()).setCause(e).log("fill failed");
      fail(new Start.Broken(e), String.valueOf(e.getMessage()));
    } finally {
      if (state == State.RUNNING) {
        state = State.FAILED;
      }
      wake();
      removeIfEmpty();
    }
    return isTrue;
  }

  /** Brings all bytes, over as many connections as it takes; returns false if they do not come. */
  private boolean download() throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    for (int idle = 0; ; idle++) {
      long before = blob.length();
      Answer<RemoteBlob> answer = open.apply(before);
      String trouble;
      if (answer instanceof Answer.Found<RemoteBlob>(RemoteBlob remote)) {
        try (remote) {
          if (size >= 0 && remote.size() != size) {
            trouble = "it now says another size";
          } else {
            size = remote.size();
            if (size != 0) {
              start.complete(new Start.Sending(size));
            }
            trouble = receive(remote, buffer);
          }
        }
      } else if (before > 0 && answer instanceof Answer.Unreachable<?> && idle == 0 && size < 0) {
        blob.clear();
        trouble = answer.toString();
      } else if (!start.isDone() || !(answer instanceof Answer.Unreachable)) {
        fail(new Start.Failed(answer), answer.toString());
        return false;
      } else {
        trouble = answer.toString();
      }
      if (trouble.isEmpty()) {
        return true;
      }
      if (blob.length() > before) {
        idle = 0;
      }
      if (idle == TRIES_WITHOUT_PROGRESS) {
        fail(new Start.Failed(new Answer.Unreachable<>(trouble)), trouble);
        return false;
      }
      pause();
    }
  }

  /** Takes what one connection gives; returns what was wrong, or "" if all is there. */
  private String receive(RemoteBlob remote, byte[] buffer) throws IOException {
    long skip = blob.length() - remote.from();
    if (skip < 0) {
      return "it sent another range than was asked for";
    }
    while (true) {
      int n;
      try {
        n = remote.read(buffer);
      } catch (IOException e) {
        return "the connection broke: " + e.getMessage();
      }
      if (n < 0) {
        return size >= 0 && blob.length() < size ? "it sent too little" : "";
      }
      int from = (int) Math.min(skip, n);
      skip -= from;
      blob.append(ByteBuffer.wrap(buffer, from, n - from));
      if (size >= 0 && blob.length() > size) {
        return "";
      }
      publish(size < 0 ? blob.length() : Math.min(blob.length(), size - 1));
    }
  }

  private boolean finish() throws IOException {
    if (!blob.isVerified()) {
      LOG.atWarn()
          .addKeyValue("digest", digest())
          .addKeyValue("upstream", upstream())
          .log("upstream sent wrong content");
      fail(new Start.Failed(new Answer.Unreachable<>("it sent wrong content")), "wrong content");
      blob.discard();
      return false;
    }
    size = blob.length();
    state = State.VERIFIED;
    publish(size);
    blob.commit();
    start.complete(new Start.AlreadyHere());
    return true;
  }

  private void removeIfEmpty() {
    try {
      if (isFailed() && blob.length() == 0) {
        blob.discard();
      }
    } catch (IOException e) {
      LOG.atWarn().addKeyValue("digest", digest()).setCause(e).log("file not removed");
    }
  }

  private void publish(long length) {
    available = Math.max(available, length);
    wake();
  }

  private void wake() {
    followers.forEach(Runnable::run);
  }

  private void fail(Start answer, String reason) {
    if (state == State.RUNNING) {
      state = State.FAILED;
      LOG.atInfo()
          .addKeyValue("digest", digest())
          .addKeyValue("upstream", upstream())
          .addKeyValue("reason", reason)
          .log("fill ended");
    }
    failure = answer;
  }

  private static void pause() throws IOException {
    try {
      Thread.sleep(PAUSE);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the server is stopping", e);
    }
  }
}
