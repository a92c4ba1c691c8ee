package dev.cistern.mirror;

import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Blob;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Store;
import dev.cistern.storage.StoreFullException;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Answers from the store, or fills it while answering. Blocking; called from virtual threads.
 *
 * <p>A repository reaches a blob through its link: written when a manifest from its upstream was
 * stored, when a client pushed or mounted the blob, or here, when its own upstream says that it has
 * it. That another repository has the content is never enough.
 */
public final class Mirror implements AutoCloseable {
  private static final int GRACE_SECONDS = 2;

  private final Store store;
  private final Upstreams upstreams;
  private final MirrorRules rules;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Fills fills;
  private final Manifests manifests;

  /**
   * @param patience how long a client waits for an upstream when what it wants is here but old
   */
  public Mirror(
      Store store, Upstreams upstreams, MirrorRules rules, InstantSource clock, Duration patience) {
    this.store = store;
    this.upstreams = upstreams;
    this.rules = rules;
    this.fills = new Fills(store.blobs(), threads);
    this.manifests = new Manifests(store.repositories(), upstreams, clock, patience, threads);
  }

  /** Finds what a name in a request means; see {@link MirrorRules#locate}. */
  public Location locate(RepositoryName name, Optional<String> namespace) {
    return rules.locate(name, namespace);
  }

  /**
   * Returns a manifest.
   *
   * @throws OciException if it is not here and no upstream gives it
   */
  public ManifestAnswer manifest(Location location, Reference reference) throws IOException {
    return manifests.manifest(location, reference);
  }

  /**
   * Returns a blob, whole or coming.
   *
   * @throws OciException if it is not here and no upstream gives it
   */
  public BlobAnswer blob(Location location, Digest digest) throws IOException {
    while (true) {
      Optional<Blob> stored = stored(location, digest);
      if (stored.isPresent()) {
        return new BlobAnswer.Stored(stored.get(), CacheStatus.HIT);
      }
      Optional<BlobAnswer> filling = fill(location, digest);
      if (filling.isPresent()) {
        return filling.get();
      }
    }
  }

  /**
   * Returns how long a blob is, without bringing it here.
   *
   * @throws OciException if it is not here and no upstream has it
   */
  public BlobSize blobSize(Location location, Digest digest) throws IOException {
    OptionalLong size = store.blobs().size(digest);
    boolean isLinked = store.blobs().isLinked(location.repository(), digest);
    if (size.isPresent() && isLinked) {
      return new BlobSize(size.getAsLong(), CacheStatus.HIT);
    }
    String upstream = source(location, digest).upstream();
    return new BlobSize(confirm(location, digest), CacheStatus.passed(upstream));
  }

  /** Returns how many downloads run. */
  public int fillsRunning() {
    return fills.count();
  }

  /** Returns how many downloads were started since the server started. */
  public long fillsStarted() {
    return fills.started();
  }

  /** Returns how many downloads brought wrong content since the server started. */
  public long fillsWrong() {
    return fills.wrong();
  }

  /** Removes what old downloads left behind; returns how many. */
  public int expireFills(Duration idle) throws IOException {
    return store.expireFills(idle, fills::isRunning);
  }

  /** Stops all downloads; what has come of them stays for a later try. */
  @Override
  public void close() throws IOException {
    threads.shutdownNow();
    upstreams.close();
    try {
      threads.awaitTermination(GRACE_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Optional<Blob> stored(Location location, Digest digest) throws IOException {
    if (store.blobs().size(digest).isEmpty()) {
      return Optional.empty();
    }
    if (!store.blobs().isLinked(location.repository(), digest)) {
      confirm(location, digest);
      store.blobs().link(location.repository(), digest, Origin.CACHED);
    }
    return store.blobs().open(digest);
  }

  /** Asks the repository's own upstream whether it has the blob; returns its size. */
  private long confirm(Location location, Digest digest) throws IOException {
    PullSource source = source(location, digest);
    Answer<Long> answer = upstreams.get(source.upstream()).headBlob(source.repository(), digest);
    if (answer instanceof Answer.Found<Long>(Long size)) {
      return size;
    }
    throw Failures.of(
        answer, source.upstream(), Failures.blobUnknown(location.repository(), digest));
  }

  private static PullSource source(Location location, Digest digest) {
    if (location.sources().isEmpty()) {
      throw Failures.blobUnknown(location.repository(), digest);
    }
    return location.sources().getFirst();
  }

  /**
   * Starts or joins the download; empty if the blob came into the store meanwhile, or if the
   * download that was joined came from another repository and failed, which says nothing of this
   * one.
   */
  private Optional<BlobAnswer> fill(Location location, Digest digest) throws IOException {
    PullSource source = source(location, digest);
    Upstream upstream = upstreams.get(source.upstream());
    Optional<Fills.Joined> joined =
        fills.join(digest, source, from -> upstream.openBlob(source.repository(), digest, from));
    if (joined.isEmpty()) {
      return Optional.empty();
    }
    Fill fill = joined.get().fill();
    boolean isAnswered = false;
    try {
      if (await(fill, source, location, digest)) {
        link(location, digest, joined.get().wasRunning());
        isAnswered = true;
        return Optional.of(
            new BlobAnswer.Filling(
                fill,
                joined.get().wasRunning()
                    ? CacheStatus.of(CacheStatus.Outcome.JOINED, fill.upstream())
                    : CacheStatus.miss(fill.upstream())));
      }
      return Optional.empty();
    } finally {
      if (!isAnswered) {
        fill.release();
      }
    }
  }

  /** Whoever started the fill has proof that the upstream gives it; who joined may need it. */
  private void link(Location location, Digest digest, boolean hasJoined) throws IOException {
    if (!store.blobs().isLinked(location.repository(), digest)) {
      if (hasJoined) {
        confirm(location, digest);
      }
      store.blobs().link(location.repository(), digest, Origin.CACHED);
    }
  }

  /** Waits until bytes come; returns false if the store or the own source is to be asked. */
  private static boolean await(Fill fill, PullSource own, Location location, Digest digest)
      throws IOException {
    Fill.Start start;
    try {
      start = fill.start().get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the server is stopping", e);
    } catch (ExecutionException e) {
      throw new IOException("a download did not start", e);
    }
    return switch (start) {
      case Fill.Start.Sending sending -> true;
      case Fill.Start.AlreadyHere here -> false;
      case Fill.Start.Failed failed when !fill.source().equals(own) -> false;
      case Fill.Start.Failed(Answer<?> answer) ->
          throw Failures.of(
              answer, fill.upstream(), Failures.blobUnknown(location.repository(), digest));
      case Fill.Start.Broken(StoreFullException cause) ->
          throw new OciException(
              ErrorCode.INSUFFICIENT_STORAGE, String.valueOf(cause.getMessage()));
      case Fill.Start.Broken(IOException cause) -> throw cause;
    };
  }
}
