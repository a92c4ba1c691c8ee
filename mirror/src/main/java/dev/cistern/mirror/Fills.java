package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.base.Guarded;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.oci.Digest;
import dev.cistern.storage.Blobs;
import dev.cistern.storage.UnwritableStoreException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * The downloads that run, one for each digest. A fill leaves this map only after its blob is in the
 * store (or it failed), so that who looks first here and then there misses none.
 *
 * <p>Of one upstream only so many run at a time; the others wait in the order they came, without
 * memory or connection of their own.
 */
final class Fills {
  private static final int BUFFER_BYTES = 256 << 10;
  private static final int MOST_SUSPECTS = 10_000;
  private static final Duration SUSPICION = Duration.ofMinutes(10);

  private final Blobs blobs;
  private final Asker asker;
  private final Upstreams upstreams;
  private final Executor executor;
  private final ConcurrentHashMap<Digest, Fill> running = new ConcurrentHashMap<>();

  /** By upstream, each for as long as somebody has it. */
  private final Cache<String, Semaphore> turns = Caffeine.newBuilder().weakValues().build();

  private final ConcurrentLinkedQueue<byte[]> buffers = new ConcurrentLinkedQueue<>();
  private final Cache<Suspect, Boolean> suspects =
      Caffeine.newBuilder().maximumSize(MOST_SUSPECTS).expireAfterWrite(SUSPICION).build();
  private final LongAdder started = new LongAdder();
  private final LongAdder wrong = new LongAdder();

  Fills(Blobs blobs, Upstreams upstreams, Asker asker, Executor executor) {
    this.blobs = blobs;
    this.asker = asker;
    this.upstreams = upstreams;
    this.executor = executor;
  }

  /** A fill that is held for the caller, and whether it was running before. */
  record Joined(Fill fill, boolean wasRunning) {}

  /** A source that took part when a blob came wrong. */
  private record Suspect(PullSource source, Digest digest) {}

  /**
   * Joins the fill of {@code digest}, started if none runs. The caller releases it. Empty if the
   * blob has come into the store meanwhile.
   *
   * @throws UnwritableStoreException if not even a beginning can be stored
   * @param location whose sources it is to come from, at least one
   */
  Optional<Joined> join(Location location, Digest digest) throws IOException {
    try {
      while (true) {
        var mine = new AtomicReference<@Nullable Fill>();
        Fill fill =
            running.computeIfAbsent(
                digest,
                absent -> {
                  mine.set(create(location, digest));
                  return mine.get();
                });
        if (fill == null) {
          return Optional.empty();
        }
        if (fill.isBroken()) {
          fill.ended().join(); // who comes now wants a new one, not the end of this
          continue;
        }
        if (fill.retain()) {
          boolean isMine = fill == mine.get();
          if (isMine) {
            begin(fill);
          }
          return Optional.of(new Joined(fill, !isMine));
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause() instanceof UnwritableStoreException full
          ? full
          : new IOException("cannot start a download of " + digest, e);
    }
  }

  /**
   * Says whether a download of {@code digest} has the byte at {@code position}, or will soon; also
   * one that an earlier try left the beginning of, be it that nobody has asked for it since, or
   * that it waits for its turn or hashes that beginning.
   */
  boolean reaches(Digest digest, long position) throws IOException {
    Fill fill = running.get(digest);
    return (fill != null && position <= fill.expected())
        || position <= blobs.partialLength(digest) + Fill.LEAST_AHEAD_BYTES;
  }

  private @Nullable Fill create(Location location, Digest digest) {
    if (blobs.size(digest).isPresent()) {
      return null;
    }
    var delivery =
        new Delivery(
            asker, location, ordered(location.sources(), digest), digest, OptionalLong.empty());
    try {
      return new Fill(blobs.partial(digest), location.sources(), delivery);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the sources with those last that took part when this blob came wrong. */
  private List<PullSource> ordered(List<PullSource> sources, Digest digest) {
    var ordered = new ArrayList<PullSource>(sources);
    ordered.sort((one, other) -> Boolean.compare(isSuspect(one, digest), isSuspect(other, digest)));
    return ordered;
  }

  private boolean isSuspect(PullSource source, Digest digest) {
    return suspects.getIfPresent(new Suspect(source, digest)) != null;
  }

  private Semaphore turns(Fill fill) {
    int most = upstreams.settings(fill.sources().getFirst()).connection().limits().fills();
    return new Semaphore(most, true);
  }

  private void begin(Fill fill) {
    try {
      executor.execute(() -> runInTurn(fill));
    } catch (RuntimeException | Error e) {
      end(fill); // it has no thread: the server is stopping, or out of memory
      fill.release();
      throw e;
    }
  }

  private void runInTurn(Fill fill) {
    try {
      Semaphore turn = turns.get(fill.sources().getFirst().upstream(), name -> turns(fill));
      turn.acquire();
      try {
        run(fill);
      } finally {
        turn.release();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the server is stopping
    } catch (RuntimeException | Error e) {
      Guarded.report("fill of " + fill.digest(), e);
    } finally {
      end(fill);
    }
  }

  /** Forgets a fill, so that the next client starts anew, and tells those that wait for it. */
  private void end(Fill fill) {
    running.remove(fill.digest(), fill);
    fill.end();
    fill.release();
  }

  private void run(Fill fill) {
    started.increment();
    byte[] used = buffers.poll();
    byte[] buffer = used == null ? new byte[BUFFER_BYTES] : used;
    try {
      if (fill.run(buffer) == Fill.Outcome.WRONG) {
        wrong.increment();
        fill.givers()
            .forEach(source -> suspects.put(new Suspect(source, fill.digest()), Boolean.TRUE));
      }
    } finally {
      buffers.add(buffer);
    }
  }

  /** Says whether a fill of this file ({@code sha256-HEX}) runs. */
  boolean isRunning(String file) {
    return running.keySet().stream()
        .anyMatch(digest -> file.equals(digest.algorithm() + "-" + digest.hex()));
  }

  int count() {
    return running.size();
  }

  /** Returns how many downloads were started since the server started. */
  long started() {
    return started.sum();
  }

  /** Returns how many downloads had another digest than they should have. */
  long wrong() {
    return wrong.sum();
  }
}
