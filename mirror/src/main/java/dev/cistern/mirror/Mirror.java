package dev.cistern.mirror;

import dev.cistern.base.MonotonicClock;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.MirrorRules;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.rules.StreamContent;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RateLimit;
import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Platform;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Blob;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Store;
import dev.cistern.storage.UnwritableStoreException;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Service that answers pulls from the store, or fills the store while answering. Blocking; called
 * from virtual threads.
 *
 * <p>A repository serves a blob only through its link. A link is written when a manifest from the
 * repository's upstream is stored, and when a client pushes or mounts the blob. This class writes
 * one when the repository's own upstream confirms that it has the blob. It is never enough that
 * another repository has the content.
 */
public final class Mirror implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Mirror.class);
  private static final int GRACE_SECONDS = 2;

  /**
   * A request for fewer bytes of a blob, far ahead of the downloaded ones, does not start a
   * download of the blob.
   */
  private static final long MUCH_BYTES = 64L << 20;

  private final Store store;
  private final Upstreams upstreams;
  private volatile MirrorRules rules;
  private volatile Function<RepositoryName, Optional<StreamContent>> streams =
      any -> Optional.empty();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Asker asker;
  private final Deliveries deliveries;
  private final Absences absences;
  private final Fills fills;
  private final Manifests manifests;
  private final Lists lists;
  private final CompletableFuture<@Nullable Void> draining = new CompletableFuture<>();

  public Mirror(
      Store store,
      Upstreams upstreams,
      MirrorRules rules,
      InstantSource clock,
      MirrorSettings settings) {
    this(store, upstreams, rules, clock, settings, Outside.REAL);
  }

  Mirror(
      Store store,
      Upstreams upstreams,
      MirrorRules rules,
      InstantSource clock,
      MirrorSettings settings,
      Outside outside) {
    this.store = store;
    this.upstreams = upstreams;
    this.rules = rules;
    InstantSource running = MonotonicClock.SYSTEM;
    var outages = new Outages(running);
    this.asker = new Asker(upstreams, outages, outside, clock);
    this.absences = new Absences(running, settings.absence());
    this.deliveries = new Deliveries(asker, new BlobTurns(upstreams, settings.patience(), threads));
    this.fills = new Fills(store.blobs(), deliveries, upstreams.memory(), threads);
    this.manifests =
        new Manifests(
            store.repositories(),
            store.damaged(),
            upstreams,
            asker,
            outages,
            absences,
            clock,
            settings.patience(),
            threads);
    this.lists =
        new Lists(
            store.repositories(), upstreams, asker, outages, running, settings.patience(), threads);
  }

  /**
   * Applies other rules from now on, and clears the negative cache. Requests in progress end by the
   * rules they began with.
   */
  public void rules(MirrorRules wanted) {
    rules = wanted;
    absences.clear();
  }

  /**
   * Sets the lookup of image streams from now on.
   *
   * @param finder the lookup by the names of their repositories; must not block
   */
  public void streams(Function<RepositoryName, Optional<StreamContent>> finder) {
    streams = finder;
  }

  /**
   * Returns the repository that stores content pushed to {@code name}; see {@link
   * MirrorRules#locate}.
   */
  public RepositoryName repository(RepositoryName name) {
    return rules.locate(name, Optional.empty(), streams).repository();
  }

  /** Returns the location that an image is imported from; see {@link MirrorRules#locateImport}. */
  public Location locateImport(
      RepositoryName into, String host, RepositoryName repository, boolean isInsecure) {
    return rules.locateImport(into, host, repository, isInsecure);
  }

  /**
   * Returns a lookup of images at upstreams, for imports.
   *
   * @param isKept whether manifests are stored
   */
  public Import imports(boolean isKept) {
    return new Import(store.repositories(), deliveries, upstreams.memory(), isKept);
  }

  /**
   * Resolves a name in a pull; see {@link MirrorRules#locate}.
   *
   * @param namespace the query parameter {@code ns}
   * @param via the Via header
   */
  public Location locate(RepositoryName name, Optional<String> namespace, Optional<String> via) {
    return rules.locate(name, namespace, streams).via(via);
  }

  /**
   * Returns a manifest.
   *
   * @throws OciException if it is not stored and no upstream provides it
   */
  public ManifestAnswer manifest(Location location, Reference wanted) throws IOException {
    Reference reference = location.resolved(wanted);
    ManifestAnswer answer = manifests.manifest(at(location, reference), reference);
    if (reference instanceof Tag && answer.status().outcome() == CacheStatus.Outcome.MISS) {
      prefetch(location, answer.manifest().digest());
    }
    return answer;
  }

  /**
   * Fetches the layers of an image that a tag resolved to, if the upstream's settings ask for that.
   */
  private void prefetch(Location location, Digest digest) {
    if (draining.isDone()) {
      return;
    }
    location.sources().stream()
        .findFirst()
        .flatMap(source -> upstreams.settings(source).prefetch())
        .ifPresent(platforms -> preheat(List.of(new Preheat.Wish(location, digest)), platforms));
  }

  /**
   * Returns a blob, stored or in transfer. A fill that is requested in the background has taken a
   * {@linkplain Fill#stepBack step back}.
   *
   * @param wanted the requested bytes; bytes far ahead of a download are fetched separately,
   *     without the rest of the blob if they are few
   * @throws OciException if it is not stored and no upstream provides it
   */
  public BlobAnswer blob(Location named, Digest digest, Wanted wanted) throws IOException {
    Location location = atBlob(named, digest);
    while (true) {
      Optional<Blob> stored = stored(location, digest);
      if (stored.isPresent()) {
        return new BlobAnswer.Stored(stored.get(), CacheStatus.HIT);
      }
      requireSources(location, digest);
      Optional<BlobAnswer> coming =
          fills.reaches(digest, wanted.first())
              ? fill(location, digest, wanted)
              : ahead(location, digest, wanted);
      if (coming.isPresent()) {
        return coming.get();
      }
    }
  }

  /**
   * Returns the length of a blob without downloading it.
   *
   * @throws OciException if it is not stored and no upstream has it
   */
  public BlobSize blobSize(Location named, Digest digest) throws IOException {
    Location location = atBlob(named, digest);
    boolean isLinked = store.blobs().isLinked(location.repository(), digest);
    OptionalLong size = isLinked ? store.blobs().presentSize(digest) : OptionalLong.empty();
    if (size.isPresent()) {
      return new BlobSize(size.getAsLong(), CacheStatus.HIT);
    }
    Asker.Asked<Long> asked = confirm(location, digest);
    return new BlobSize(size(asked), CacheStatus.passed(asked.source().name()));
  }

  /** Returns how a pull would be answered; asks no upstream. */
  public Why why(Location location, Reference wanted) throws IOException {
    Reference reference = location.resolved(wanted);
    return manifests.why(at(location, reference), reference);
  }

  /**
   * Asks the sources now, however fresh the cached tag is, and forgets an earlier "not found" for
   * it.
   *
   * @throws OciException if no source provides it
   */
  public ManifestAnswer refresh(Location location, Reference wanted) throws IOException {
    Reference reference = location.resolved(wanted);
    absences.forget(location, reference);
    return manifests.refresh(at(location, reference), reference);
  }

  /**
   * Starts to preheat images.
   *
   * @param platforms the platforms of an index that are fetched; all if the list is empty
   */
  public Preheat preheat(List<Preheat.Wish> wishes, List<Platform> platforms) {
    var preheat = new Preheat(this, wishes, platforms);
    threads.execute(preheat::run);
    return preheat;
  }

  /**
   * Preheats images as {@link #preheat} does, waits for the end, and returns the final progress.
   */
  public Preheat.Progress bring(List<Preheat.Wish> wishes, List<Platform> platforms) {
    var preheat = new Preheat(this, wishes, platforms);
    preheat.run();
    return preheat.progress();
  }

  /**
   * Fetches a damaged blob again. It uses the sources of the first of these repositories that has
   * sources and links the blob. If that fails, it logs the failure and tries the next repository.
   * Blocks until the blob is stored or all have failed; the next pull tries again.
   */
  public void refetch(Digest digest, List<RepositoryName> repositories) {
    for (RepositoryName repository : repositories) {
      Location location = rules.locate(repository, Optional.empty(), streams);
      if (!location.sources().isEmpty() && store.blobs().isLinked(repository, digest)) {
        try {
          new Preheat(this, List.of(), List.of()).bringBlob(location, digest);
          return;
        } catch (IOException | OciException e) {
          LOG.atWarn()
              .addKeyValue("digest", digest)
              .addKeyValue("repository", repository)
              .addKeyValue("reason", e.getMessage())
              .log("damaged content not fetched again");
        }
      }
    }
  }

  /**
   * Returns up to {@code most} tags after {@code last} ("" for the first page). These are the tags
   * that the upstream lists and the pushed ones, or the stored ones if the upstream fails.
   *
   * @throws OciException if neither the store nor an upstream has the repository, or if nothing is
   *     stored and the upstream fails
   */
  public ListAnswer<String> tags(Location location, String last, int most) throws IOException {
    return lists.tags(location, last, most);
  }

  /**
   * Returns up to {@code most} referrers of {@code subject} in the order of digests, combined like
   * {@link #tags}.
   *
   * @throws OciException if no referrer is stored and the upstream fails
   */
  public ListAnswer<Descriptor> referrers(
      Location location, Digest subject, Optional<Digest> last, int most) throws IOException {
    return lists.referrers(location, subject, last, most);
  }

  /** Returns the rate limits that upstreams reported, by their names. */
  public Map<String, RateLimit> rateLimits() {
    return upstreams.rateLimits();
  }

  /** Returns the number of answers of upstreams, by {@code UPSTREAM OUTCOME}. */
  public Map<String, LongAdder> answers() {
    return asker.answers();
  }

  /** Stops prefetching, and ends the preheats. Pulls are still answered. */
  public void drain() {
    draining.complete(null);
  }

  /** Returns a future that {@link #drain} completes. */
  CompletableFuture<@Nullable Void> draining() {
    return draining;
  }

  /** Waits until no download runs; returns false if one still runs after that time. */
  public boolean awaitFills(Duration atMost) throws InterruptedException {
    return fills.awaitNone(atMost);
  }

  /**
   * Stops downloads and syncs their files, which the next start resumes.
   *
   * @param all whether to stop downloads with client followers too
   * @return the number of downloads that left bytes
   */
  public int stopFills(boolean all) throws InterruptedException {
    return fills.stop(all);
  }

  /** Returns the number of downloads into the store, including those that wait for a slot. */
  public int fillsRunning() {
    return fills.count();
  }

  /** Returns the number of downloads and pass-throughs that wait for a connection slot. */
  public int fillsWaiting() {
    return deliveries.turns().waiting();
  }

  /** Returns how often a download lost its slot to another one since the server started. */
  public long fillsGivenWay() {
    return deliveries.turns().givenWay();
  }

  /** Returns the number of downloads that got a slot since the server started. */
  public long fillsStarted() {
    return fills.started();
  }

  /** Returns the number of downloads that received wrong content since the server started. */
  public long fillsWrong() {
    return fills.wrong();
  }

  /** Removes partial blobs that have been idle for a time; returns their number. */
  public int expireFills(Duration idle) throws IOException {
    return store.expireFills(idle, fills::isRunning);
  }

  /** Stops all downloads; their received bytes stay for a later attempt. */
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
      link(location.repository(), digest);
    }
    return store.blobs().open(digest);
  }

  /**
   * Returns the location to look for a manifest at: that of a copy that has it, or the given one.
   */
  private Location at(Location location, Reference reference) {
    for (Location.Copy copy : location.copies()) {
      if (copy.pullFrom().serves(reference) && manifests.isHere(copy.repository(), reference)) {
        return location.only(copy.repository());
      }
    }
    return reference instanceof Digest digest
        ? location.byDigest(() -> store.repositories().names(location.repository(), digest))
        : location;
  }

  /** Returns the location to look for a blob at: that of a copy that links it, or the given one. */
  private Location atBlob(Location location, Digest digest) {
    BooleanSupplier isLedTo = () -> store.blobs().isLinked(location.repository(), digest);
    if (!location.copies().isEmpty() && !isLedTo.getAsBoolean()) {
      for (Location.Copy copy : location.copies()) {
        if (store.blobs().isLinked(copy.repository(), digest)) {
          return location.only(copy.repository());
        }
      }
    }
    return location.byDigest(isLedTo);
  }

  /** Asks the repository's own sources for the blob; throws unless one of them has it. */
  private Asker.Asked<Long> confirm(Location location, Digest digest) throws IOException {
    requireSources(location, digest);
    Asker.Asked<Long> asked =
        asker.insist(
            location,
            location.sources(),
            (upstream, source) -> asker.outside().head(upstream, source, digest));
    if (!(asked.answer() instanceof Answer.Found)) {
      throw failed(location, digest, asked.source(), asked.answer());
    }
    return asked;
  }

  private static long size(Asker.Asked<Long> asked) {
    return asked.answer() instanceof Answer.Found<Long>(Long size) ? size : -1;
  }

  /**
   * Throws if no source can be asked for a blob, or if all reported a moment ago that they do not
   * have it.
   */
  private void requireSources(Location location, Digest digest) {
    OciException unknown = unknown(location.repository(), digest);
    if (location.sources().isEmpty() || absences.isNoted(location, digest)) {
      throw unknown;
    }
    if (asker.isCircle(location)) {
      throw Failures.of(new Answer.Circle<>(), location.sources().getFirst(), unknown);
    }
  }

  /**
   * Returns the error for a missing blob. It is a special one if the repository has the blob, but
   * damaged.
   */
  private OciException unknown(RepositoryName repository, Digest digest) {
    return store.damaged().isDamagedBlob(digest) && store.blobs().isLinked(repository, digest)
        ? Failures.blobDamaged(repository, digest)
        : Failures.blobUnknown(repository, digest);
  }

  private OciException failed(
      Location location, Digest digest, PullSource source, Answer<?> answer) {
    if (answer instanceof Answer.Missing) {
      absences.note(location, digest);
    }
    return Failures.of(answer, source, unknown(location.repository(), digest));
  }

  /**
   * Fetches the requested bytes separately, and starts the download of the blob if they are many.
   * If the sources cannot send a part, joins or starts the download instead, as {@link #fill} does.
   */
  private Optional<BlobAnswer> ahead(Location location, Digest digest, Wanted wanted)
      throws IOException {
    DirectBlob.Opened opened =
        DirectBlob.open(deliveries, location, digest, wanted.first(), wanted.last());
    if (!(opened instanceof DirectBlob.Opened.Coming(DirectBlob part))) {
      return fill(location, digest, wanted);
    }
    if (part.count() >= MUCH_BYTES) {
      startBeside(part, location, digest);
    }
    return Optional.of(
        new BlobAnswer.Passing(
            part, CacheStatus.passed(part.source()).because("far ahead of what is here")));
  }

  /** Starts the download of a blob of which a part passes through, if it can be stored. */
  private void startBeside(DirectBlob part, Location location, Digest digest) throws IOException {
    boolean isThrown = true;
    try {
      fills.join(location, digest).ifPresent(joined -> joined.fill().release());
      isThrown = false;
    } catch (UnwritableStoreException e) {
      isThrown = false; // the client gets the part anyway
    } finally {
      if (isThrown) {
        part.close();
      }
    }
  }

  /**
   * Starts or joins the download. Returns empty if the blob was stored meanwhile. Also returns
   * empty if the joined download used other sources and failed, because this location's sources may
   * still have the blob.
   */
  private Optional<BlobAnswer> fill(Location location, Digest digest, Wanted wanted)
      throws IOException {
    Optional<Fills.Joined> joined;
    try {
      joined = fills.join(location, digest);
    } catch (UnwritableStoreException e) {
      return Optional.of(pass(location, digest, wanted));
    }
    if (joined.isEmpty()) {
      return Optional.empty();
    }
    Fill fill = joined.get().fill();
    if (wanted.isInBackground()) {
      fill.stepBack();
    }
    boolean isAnswered = false;
    try {
      switch (await(fill)) {
        case Fill.Start.Sending sending -> {
          link(location, digest, joined.get().wasRunning());
          isAnswered = true;
          return Optional.of(new BlobAnswer.Filling(fill, status(joined.get())));
        }
        case Fill.Start.AlreadyHere here -> {
          return Optional.empty();
        }
        case Fill.Start.NoRoom full -> {
          return Optional.of(pass(location, digest, wanted));
        }
        case Fill.Start.Failed(Answer<?> answer) -> {
          if (fill.sources().equals(location.sources())) {
            throw failed(location, digest, fill.source(), answer).and(fill.others());
          }
          return Optional.empty();
        }
        case Fill.Start.Broken(IOException cause) -> throw cause;
        case Fill.Start.Aborted aborted ->
            throw new OciException(
                ErrorCode.UNKNOWN,
                "the download of " + digest + " ended by an internal error",
                "try again; the server's log has the cause");
      }
    } finally {
      if (!isAnswered) {
        if (wanted.isInBackground()) {
          fill.stepForward();
        }
        fill.release();
      }
    }
  }

  private static CacheStatus status(Fills.Joined joined) {
    String upstream = joined.fill().source().name();
    CacheStatus status =
        joined.wasRunning()
            ? CacheStatus.of(CacheStatus.Outcome.JOINED, upstream)
            : CacheStatus.miss(upstream);
    return status.after(joined.fill().others());
  }

  /** Passes through content that there is no room for. */
  private BlobAnswer pass(Location location, Digest digest, Wanted wanted) throws IOException {
    DirectBlob.Opened opened =
        DirectBlob.open(deliveries, location, digest, wanted.first(), wanted.last());
    if (opened instanceof DirectBlob.Opened.Rangeless) {
      opened = DirectBlob.open(deliveries, location, digest, 0, OptionalLong.empty());
    }
    return switch (opened) {
      case DirectBlob.Opened.Coming(DirectBlob blob) ->
          new BlobAnswer.Passing(
              blob, CacheStatus.passed(blob.source()).because("there is no room to keep it"));
      case DirectBlob.Opened.Failed(PullSource source, Answer<?> answer) ->
          throw failed(location, digest, source, answer);
      case DirectBlob.Opened.Rangeless rangeless ->
          throw new IllegalStateException("the whole is no range");
    };
  }

  /**
   * Links the blob unless it is linked already. A request that started the fill has proof that the
   * upstream provides the blob. A request that joined the fill asks its own upstream first.
   */
  private void link(Location location, Digest digest, boolean hasJoined) throws IOException {
    if (!store.blobs().isLinked(location.repository(), digest)) {
      if (hasJoined) {
        confirm(location, digest);
      }
      link(location.repository(), digest);
    }
  }

  /**
   * Records that a repository may serve a blob. If there is no room for the link, the upstream is
   * asked again at the next request.
   */
  private void link(RepositoryName repository, Digest digest) throws IOException {
    try {
      store.blobs().link(repository, digest, Origin.CACHED);
    } catch (UnwritableStoreException e) {
      LOG.atDebug()
          .addKeyValue("repository", repository)
          .addKeyValue("reason", e.getMessage())
          .log("link not stored");
    }
  }

  /** Waits until the first bytes are available, or certain not to arrive. */
  private static Fill.Start await(Fill fill) throws IOException {
    try {
      return fill.start().get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the server is stopping", e);
    } catch (ExecutionException e) {
      throw new IOException("a download did not start", e);
    }
  }
}
