package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.base.Guarded;
import dev.cistern.base.MemoryBudget;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running downloads, one per digest. A fill leaves this map only after its blob is in the
 * store, or after it failed. A caller that looks first in this map and then in the store therefore
 * misses none.
 *
 * <p>The number of fills that run at a time is limited per upstream. The others wait for a slot
 * ({@link BlobTurns}), without a buffer or a connection of their own.
 */
final class Fills {
  private static final Logger LOG = LoggerFactory.getLogger(Fills.class);
  private static final long STOP_SECONDS = 2;
  private static final int MOST_SUSPECTS = 10_000;
  private static final Duration SUSPICION = Duration.ofMinutes(10);

  private final Blobs blobs;
  private final Deliveries deliveries;
  private final Executor executor;
  private final ConcurrentHashMap<Digest, Fill> running = new ConcurrentHashMap<>();

  private final Buffers buffers;
  private final Cache<Suspect, Boolean> suspects =
      Caffeine.newBuilder().maximumSize(MOST_SUSPECTS).expireAfterWrite(SUSPICION).build();
  private final LongAdder started = new LongAdder();
  private final LongAdder wrong = new LongAdder();

  Fills(Blobs blobs, Deliveries deliveries, MemoryBudget memory, Executor executor) {
    this.buffers = new Buffers(memory);
    this.blobs = blobs;
    this.deliveries = deliveries;
    this.executor = executor;
  }

  /** A fill that is held for the caller, and whether it was already running. */
  record Joined(Fill fill, boolean wasRunning) {}

  /** A source that sent bytes of a blob that arrived with wrong content. */
  private record Suspect(PullSource source, Digest digest) {}

  /**
   * Joins the fill of {@code digest}, or starts one if none runs. The caller releases it. Returns
   * empty if the blob has been stored meanwhile.
   *
   * @param location the location of the sources to download from, at least one
   * @throws UnwritableStoreException if not even the beginning can be stored
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
          fill.ended().join(); // new readers need a new fill
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
   * Returns whether a download of {@code digest} has the byte at {@code position}, or will have it
   * soon. The partial blob of an earlier attempt counts too. Its download may not have been
   * requested since, may wait for a slot, or may still be hashing the partial blob.
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
    var holds = new FillHolds();
    Delivery delivery =
        deliveries.of(
            location,
            ordered(location.sources(), digest),
            digest,
            OptionalLong.empty(),
            holds::isFollowed);
    try {
      return new Fill(blobs.partial(digest), location.sources(), delivery, holds);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Returns the sources, with those last that sent bytes of this blob when it arrived with wrong
   * content.
   */
  private List<PullSource> ordered(List<PullSource> sources, Digest digest) {
    var ordered = new ArrayList<PullSource>(sources);
    ordered.sort((one, other) -> Boolean.compare(isSuspect(one, digest), isSuspect(other, digest)));
    return ordered;
  }

  private boolean isSuspect(PullSource source, Digest digest) {
    return suspects.getIfPresent(new Suspect(source, digest)) != null;
  }

  private void begin(Fill fill) {
    try {
      executor.execute(() -> runInTurn(fill));
    } catch (RuntimeException | Error e) {
      end(fill); // it has no thread: the server is stopping or out of memory
      fill.release();
      throw e;
    }
  }

  private void runInTurn(Fill fill) {
    fill.runsOn(Thread.currentThread());
    try {
      if (fill.takesTurn()) {
        run(fill);
      }
    } catch (RuntimeException | Error e) {
      Guarded.report("fill of " + fill.digest(), e);
    } finally {
      end(fill);
    }
  }

  /**
   * Removes a fill, so that the next client starts a new one, and notifies the threads that wait
   * for it.
   */
  private void end(Fill fill) {
    running.remove(fill.digest(), fill);
    fill.end();
    fill.release();
  }

  private void run(Fill fill) {
    started.increment();
    if (fill.run(buffers) == Fill.Outcome.WRONG) {
      wrong.increment();
      fill.givers()
          .forEach(source -> suspects.put(new Suspect(source, fill.digest()), Boolean.TRUE));
    }
  }

  /**
   * Stops fills and syncs their received bytes.
   *
   * @param all whether to stop fills with client followers too
   * @return the number of fills that left bytes for the next attempt
   */
  int stop(boolean all) throws InterruptedException {
    int kept = 0;
    List<Fill> stopped =
        running.values().stream()
            .filter(fill -> all || !fill.isFollowed())
            .filter(Fill::retain)
            .toList();
    stopped.forEach(Fill::stop);
    for (Fill fill : stopped) {
      try {
        fill.ended().get(STOP_SECONDS, TimeUnit.SECONDS);
        kept += fill.keep() ? 1 : 0;
      } catch (ExecutionException | TimeoutException | IOException e) {
        LOG.atWarn().addKeyValue("digest", fill.digest()).setCause(e).log("download not stopped");
      } finally {
        fill.release();
      }
    }
    return kept;
  }

  /** Waits until no fill runs; returns false if one still runs after that time. */
  boolean awaitNone(Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    while (!running.isEmpty() && System.nanoTime() < end) {
      CompletableFuture<?>[] ended =
          running.values().stream().map(Fill::ended).toArray(CompletableFuture<?>[]::new);
      try {
        CompletableFuture.allOf(ended).get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      } catch (ExecutionException e) {
        throw new AssertionError("a fill ends without an exception", e);
      } catch (TimeoutException e) {
        return false;
      }
    }
    return running.isEmpty();
  }

  /** Returns whether a fill of this file ({@code sha256-HEX}) runs. */
  boolean isRunning(String file) {
    return running.keySet().stream()
        .anyMatch(digest -> file.equals(digest.algorithm() + "-" + digest.hex()));
  }

  int count() {
    return running.size();
  }

  /** Returns the number of downloads that got a slot since the server started. */
  long started() {
    return started.sum();
  }

  /** Returns the number of downloads since the server started that received a wrong digest. */
  long wrong() {
    return wrong.sum();
  }
}
