package dev.cistern.mirror;

import dev.cistern.base.Guarded;
import dev.cistern.mirror.rules.Location;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.ManifestWalk;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.Reference;
import dev.cistern.storage.Blob;
import dev.cistern.storage.StoredManifest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Job that fetches images before clients pull them, one after the other, on one thread. Stored
 * content costs nothing; layers that are never distributed are left out.
 */
public final class Preheat {
  private static final Logger LOG = LoggerFactory.getLogger(Preheat.class);

  /**
   * The interval of progress checks; a download that does not progress would block the job forever.
   */
  private static final Duration LOOK = Duration.ofMinutes(1);

  private static final long MIN_BYTES_PER_LOOK = 64 << 10;

  private final Mirror mirror;
  private final List<Wish> wishes;
  private final List<Platform> platforms;
  private final Set<Digest> counted = new HashSet<>();
  private final Map<Digest, Fill> running = new ConcurrentHashMap<>();
  private final AtomicLong total = new AtomicLong();
  private final AtomicLong done = new AtomicLong();
  private final AtomicInteger images = new AtomicInteger();
  private volatile State state = State.RUNNING;
  private volatile Optional<String> failure = Optional.empty();

  /**
   * @param platforms the platforms of an index that are fetched; all if the list is empty
   */
  Preheat(Mirror mirror, List<Wish> wishes, List<Platform> platforms) {
    this.mirror = mirror;
    this.wishes = List.copyOf(wishes);
    this.platforms = List.copyOf(platforms);
  }

  /** One image to fetch. */
  public record Wish(Location location, Reference reference) {}

  /** States of a preheat. */
  public enum State {
    RUNNING,
    DONE,
    FAILED
  }

  /**
   * Progress of a preheat.
   *
   * @param images the number of the {@code wanted} images that are stored
   * @param doneBytes the received bytes of the {@code totalBytes} known to be needed so far
   * @param failure the reason of the failure; empty unless the state is {@code FAILED}
   */
  public record Progress(
      State state,
      int images,
      int wanted,
      long doneBytes,
      long totalBytes,
      Optional<String> failure) {}

  /** Returns the progress; may be called by any thread. */
  public Progress progress() {
    long coming = running.values().stream().mapToLong(Fill::available).sum();
    return new Progress(
        state,
        images.get(),
        wishes.size(),
        Math.min(total.get(), done.get() + coming),
        total.get(),
        failure);
  }

  void run() {
    try {
      for (Wish wish : wishes) {
        bring(wish.location(), wish.reference());
        images.incrementAndGet();
      }
      state = State.DONE;
    } catch (IOException | OciException e) {
      LOG.atWarn().addKeyValue("reason", e.getMessage()).log("preheat failed");
      failure = Optional.of(String.valueOf(e.getMessage()));
      state = State.FAILED;
    } catch (RuntimeException | Error e) {
      Guarded.report("preheat", e);
      failure = Optional.of("internal error; the server's log has the cause");
      state = State.FAILED;
    }
  }

  /** Throws if the server is stopping. */
  private void requireTime() throws IOException {
    if (mirror.draining().isDone()) {
      throw new IOException("the server is stopping");
    }
  }

  private void bring(Location location, Reference reference) throws IOException {
    requireTime();
    StoredManifest root = mirror.manifest(location, reference).manifest();
    List<Layer> missing = blobs(location, root);
    for (Layer blob : missing) {
      requireTime();
      bringBlob(location, blob.digest());
      done.addAndGet(blob.size());
    }
  }

  /** A blob to fetch: a layer or a configuration. */
  private record Layer(Digest digest, long size) {}

  /**
   * Fetches all manifests of an image, before the first of its blobs.
   *
   * @return the blobs that were not counted before
   * @throws OciException with MANIFEST_INVALID, if there are more manifests than are followed
   */
  private List<Layer> blobs(Location location, StoredManifest root) throws IOException {
    var blobs = new ArrayList<Layer>();
    ManifestWalk.<IOException>from(
        root.digest(),
        (digest, level) -> {
          StoredManifest stored = level == 1 ? root : mirror.manifest(location, digest).manifest();
          Manifest manifest = Manifest.parse(stored.bytes(), Optional.of(stored.mediaType()));
          manifest
              .blobs()
              .filter(blob -> !blob.mediaType().isNonDistributable())
              .filter(blob -> counted.add(blob.digest()))
              .forEach(blob -> blobs.add(new Layer(blob.digest(), blob.size())));
          return new ManifestWalk.Visit(
              stored.bytes().length,
              manifest
                  .children()
                  .filter(child -> child.isFor(platforms))
                  .map(Descriptor::digest)
                  .toList());
        });
    total.addAndGet(blobs.stream().mapToLong(Layer::size).sum());
    return blobs;
  }

  /** Fetches one blob, and waits until it is stored. */
  void bringBlob(Location location, Digest blob) throws IOException {
    switch (mirror.blob(location, blob, Wanted.SOME_TIME)) {
      case BlobAnswer.Stored(Blob stored, CacheStatus status) -> stored.release();
      case BlobAnswer.Filling(Fill fill, CacheStatus status) -> await(fill);
      case BlobAnswer.Passing(DirectBlob direct, CacheStatus status) -> {
        direct.close();
        throw new IOException("there is no room for " + blob);
      }
    }
  }

  /** Waits for the end of a download, while it progresses or waits for a slot. */
  private void awaitWhileItMoves(Fill fill)
      throws IOException, ExecutionException, InterruptedException {
    long before = fill.available();
    while (true) {
      try {
        CompletableFuture.anyOf(fill.ended(), mirror.draining())
            .get(LOOK.toNanos(), TimeUnit.NANOSECONDS);
        return;
      } catch (TimeoutException notYet) {
        long now = fill.available();
        if (fill.hasTurn() && now - before < MIN_BYTES_PER_LOOK) {
          throw new IOException(
              "the download of "
                  + fill.digest()
                  + " is too slow: "
                  + (now - before)
                  + " bytes in "
                  + LOOK.toSeconds()
                  + " s");
        }
        before = now;
      }
    }
  }

  private void await(Fill fill) throws IOException {
    running.put(fill.digest(), fill);
    try {
      awaitWhileItMoves(fill);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the server is stopping", e);
    } catch (ExecutionException e) {
      throw new IOException("a download broke", e);
    } finally {
      running.remove(fill.digest());
      fill.stepForward();
      fill.release();
    }
    if (!fill.isComplete()) {
      requireTime();
      throw new IOException("the download of " + fill.digest() + " failed");
    }
  }
}
