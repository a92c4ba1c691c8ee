package dev.cistern.mirror;

import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteBlob;
import dev.cistern.oci.Digest;
import dev.cistern.storage.Blobs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * The downloads that run, one for each digest. A fill leaves this map only after its blob is in the
 * store (or it failed), so that who looks first here and then there misses none.
 */
final class Fills {
  private final Blobs blobs;
  private final Executor executor;
  private final ConcurrentHashMap<Digest, Fill> running = new ConcurrentHashMap<>();
  private final LongAdder started = new LongAdder();
  private final LongAdder wrong = new LongAdder();

  Fills(Blobs blobs, Executor executor) {
    this.blobs = blobs;
    this.executor = executor;
  }

  /** A fill that is held for the caller, and whether it was running before. */
  record Joined(Fill fill, boolean wasRunning) {}

  /**
   * Joins the fill of {@code digest}, started if none runs. The caller releases it. Empty if the
   * blob has come into the store meanwhile.
   *
   * @param open asks {@code source} for the blob from a position on
   */
  Optional<Joined> join(Digest digest, PullSource source, LongFunction<Answer<RemoteBlob>> open)
      throws IOException {
    try {
      while (true) {
        var mine = new AtomicReference<@Nullable Fill>();
        Fill fill =
            running.computeIfAbsent(
                digest,
                absent -> {
                  mine.set(create(digest, source, open));
                  return mine.get();
                });
        if (fill == null) {
          return Optional.empty();
        }
        if (fill.retain()) {
          boolean isMine = fill == mine.get();
          if (isMine) {
            executor.execute(() -> run(fill));
          }
          return Optional.of(new Joined(fill, !isMine));
        }
      }
    } catch (UncheckedIOException e) {
      throw new IOException("cannot start a download of " + digest, e);
    }
  }

  private @Nullable Fill create(
      Digest digest, PullSource source, LongFunction<Answer<RemoteBlob>> open) {
    if (blobs.size(digest).isPresent()) {
      return null;
    }
    try {
      return new Fill(blobs.partial(digest), source, open);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void run(Fill fill) {
    started.increment();
    try {
      if (!fill.run()) {
        wrong.increment();
      }
    } finally {
      running.remove(fill.digest(), fill);
      fill.end();
      fill.release();
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
