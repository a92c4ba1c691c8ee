package dev.cistern.mirror;

import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteBlob;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.Digest;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Upstreams that answer at random, from a seed for each blob: right, or with one of the faults that
 * upstreams have. Time passes at once. Who asks on a thread named {@link #CLIENT} asks for itself,
 * everybody else is a download.
 */
final class ScriptedOutside implements Outside {
  static final String CLIENT = "client";
  private static final int LARGEST_PIECE = 8 << 10;

  private final Map<Digest, Script> scripts = new ConcurrentHashMap<>();
  private final AtomicInteger open = new AtomicInteger();
  private final Set<String> broken = ConcurrentHashMap.newKeySet();

  /**
   * What upstreams have of one blob.
   *
   * @param upstreams the names of those that have it
   * @param faults how many of ten answers are faulty
   * @param tellsSize whether an answer says how long the blob is
   */
  record Script(
      byte[] content,
      Set<String> upstreams,
      int faults,
      boolean tellsSize,
      SplittableRandom random,
      AtomicInteger downloads,
      Progress progress) {
    /** Returns a number below {@code bound}. */
    int next(int bound) {
      synchronized (random) {
        return random.nextInt(bound);
      }
    }
  }

  /** How many bytes of a blob were sent, to all who asked. */
  static final class Progress {
    private long sent;
    private boolean isOver;

    private synchronized void add(long bytes) {
      sent += bytes;
      notifyAll();
    }

    /** Lets nobody wait any more. */
    synchronized void end() {
      isOver = true;
      notifyAll();
    }

    /** Waits until so many bytes were sent. */
    synchronized void await(long bytes) throws InterruptedException {
      while (sent < bytes && !isOver) {
        wait();
      }
    }
  }

  void add(Digest digest, Script script) {
    scripts.put(digest, script);
  }

  /** Returns how many answers are open. */
  int open() {
    return open.get();
  }

  /** Returns what should never have happened. */
  Set<String> broken() {
    return broken;
  }

  @Override
  public Answer<Long> head(Upstream upstream, PullSource source, Digest digest) {
    Script script = script(digest);
    if (!script.upstreams().contains(source.upstream())) {
      return new Answer.Missing<>();
    }
    return script.next(10) < script.faults()
        ? refusal(script)
        : new Answer.Found<>((long) script.content().length);
  }

  @Override
  public Answer<RemoteBlob> open(
      Upstream upstream, PullSource source, Digest digest, long from, OptionalLong last) {
    Script script = script(digest);
    if (!script.upstreams().contains(source.upstream())) {
      return new Answer.Missing<>();
    }
    boolean isFaulty = script.next(10) < script.faults();
    if (isFaulty && script.next(3) == 0) {
      return refusal(script);
    }
    byte[] content = script.content();
    var body = new Body(digest, script, from > content.length ? 0 : from);
    return new Answer.Found<>(
        isFaulty ? faulty(script, body) : body.remote(script.tellsSize() ? content.length : -1));
  }

  @Override
  public void pause(Duration time) {
    LockSupport.parkNanos(1);
  }

  private Script script(Digest digest) {
    Script script = scripts.get(digest);
    if (script == null) {
      throw new IllegalArgumentException("nobody was to ask for " + digest);
    }
    return script;
  }

  private static <T> Answer<T> refusal(Script script) {
    return switch (script.next(4)) {
      case 0 -> new Answer.Throttled<>(Optional.of(Duration.ofMinutes(script.next(2))));
      case 1 -> new Answer.Refused<>("scripted");
      case 2 -> new Answer.Missing<>();
      default -> new Answer.Unreachable<>("scripted");
    };
  }

  private static RemoteBlob faulty(Script script, Body body) {
    int length = script.content().length;
    int at = script.next(length + 1);
    switch (script.next(7)) {
      case 0 -> body.cut = at;
      case 1 -> body.end = at;
      case 2 -> {
        body.content = body.content.clone();
        body.content[Math.min(at, length - 1)] ^= 1;
      }
      case 3 -> {
        body.end = at;
        return body.remote(at);
      }
      case 4 -> {
        body.content = Arrays.copyOf(body.content, length + 1 + at);
        body.content[at % length] ^= (byte) script.next(2);
        body.end = body.content.length;
        return body.remote(script.next(2) == 0 ? length : body.end);
      }
      case 5 -> {
        return body.remote(-1);
      }
      default -> body.at = 0;
    }
    return body.remote(length);
  }

  /** One answer on its way. */
  private final class Body implements RemoteBlob.Body {
    private final Digest digest;
    private final Script script;
    private final boolean isDownload = !Thread.currentThread().getName().equals(CLIENT);
    private byte[] content;
    private long at;
    private long end;
    private long cut = Long.MAX_VALUE;
    private volatile boolean isCut;
    private boolean isClosed;

    Body(Digest digest, Script script, long at) {
      this.digest = digest;
      this.script = script;
      this.content = script.content();
      this.at = at;
      this.end = content.length;
      open.incrementAndGet();
      if (isDownload && script.downloads().incrementAndGet() > 1) {
        broken.add("two downloads at a time of " + digest);
      }
    }

    RemoteBlob remote(long size) {
      return new RemoteBlob(this, at, size);
    }

    @Override
    public int read(byte[] buffer) throws IOException {
      if (isClosed) {
        broken.add("read after its end: " + digest);
      }
      if (script.next(3) == 0) {
        LockSupport.parkNanos(1); // lets others run
      }
      if (isCut) {
        throw new IOException("the turn is over");
      }
      if (at >= Math.min(cut, end)) {
        if (cut < end) {
          throw new IOException("scripted cut");
        }
        return -1;
      }
      long most = Math.min(Math.min(cut, end) - at, buffer.length);
      int count = (int) Math.min(most, 1 + script.next(LARGEST_PIECE));
      System.arraycopy(content, (int) at, buffer, 0, count);
      at += count;
      script.progress().add(count);
      return count;
    }

    @Override
    public void cut() {
      isCut = true;
    }

    @Override
    public void close() {
      if (!isClosed) {
        isClosed = true;
        open.decrementAndGet();
        if (isDownload) {
          script.downloads().decrementAndGet();
        }
      }
    }
  }
}
