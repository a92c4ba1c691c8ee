package dev.cistern.mirror;

import dev.cistern.auth.credentials.CredentialsException;
import dev.cistern.base.StoredTime;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.Freshness;
import dev.cistern.mirror.upstream.RemoteManifest;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.mirror.upstream.UpstreamSettings;
import dev.cistern.oci.Digest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.DamagedContent;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Repositories;
import dev.cistern.storage.StoredManifest;
import dev.cistern.storage.StoredTag;
import dev.cistern.storage.UnwritableStoreException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Manifests, and how fresh the tags are that lead to them.
 *
 * <p>A digest that is here is never asked for again. A cached tag is given for its upstream's
 * freshness interval; then it is asked for by HEAD, and fetched only if it moved. When that cannot
 * be done, the old answer is given (RFC 9111 section 4.2.4, "stale"): after at most the patience
 * the first time, at once while the outage lasts.
 */
final class Manifests {
  private static final Logger LOG = LoggerFactory.getLogger(Manifests.class);
  private static final String GONE = "it answered 404";
  private static final String LATE = "no answer in time";

  private final Repositories repositories;
  private final DamagedContent damaged;
  private final Upstreams upstreams;
  private final Asker asker;
  private final Outages outages;
  private final Absences absences;
  private final InstantSource clock;
  private final Duration patience;
  private final SingleFlight<Flight, Landing> flights;

  Manifests(
      Repositories repositories,
      DamagedContent damaged,
      Upstreams upstreams,
      Asker asker,
      Outages outages,
      Absences absences,
      InstantSource clock,
      Duration patience,
      Executor executor) {
    this.repositories = repositories;
    this.damaged = damaged;
    this.upstreams = upstreams;
    this.asker = asker;
    this.outages = outages;
    this.absences = absences;
    this.clock = clock;
    this.patience = patience;
    this.flights =
        new SingleFlight<>(
            executor,
            landing ->
                landing.answer instanceof Answer.Found || landing.answer instanceof Answer.Missing,
            patience,
            System::nanoTime);
  }

  /** By other rules it would be another one, which need not fail if this does. */
  private record Flight(RepositoryName repository, Reference reference, List<PullSource> sources) {}

  /** What a flight brought, and from where; no source if an earlier flight had brought it. */
  private record Landing(
      Optional<PullSource> source, Answer<StoredManifest> answer, List<String> others) {
    Landing(Asker.Asked<StoredManifest> asked) {
      this(Optional.of(asked.source()), asked.answer(), asked.others());
    }

    static Landing earlier(StoredManifest manifest) {
      return new Landing(Optional.empty(), new Answer.Found<>(manifest), List.of());
    }
  }

  /** A cached tag that is too old to be given without asking. */
  private record OldTag(
      Tag tag, StoredTag known, StoredManifest stored, List<PullSource> sources) {}

  ManifestAnswer manifest(Location location, Reference reference) throws IOException {
    return switch (reference) {
      case Digest digest -> byDigest(location, digest);
      case Tag tag -> byTag(location, tag);
    };
  }

  /** Says whether it is here for good: a digest, or a tag that was pushed. */
  boolean isHere(RepositoryName repository, Reference reference) {
    return switch (reference) {
      case Digest digest -> repositories.manifest(repository, digest).isPresent();
      case Tag tag ->
          repositories
              .tag(repository, tag)
              .filter(known -> known.origin() == Origin.PUSHED)
              .isPresent();
    };
  }

  Why why(Location location, Reference reference) throws IOException {
    var sources = new ArrayList<Why.Source>();
    for (PullSource source : outages.ordered(location.sources(reference))) {
      UpstreamSettings settings = upstreams.settings(source).at(source.endpoint());
      sources.add(
          new Why.Source(
              source.name(),
              settings.endpoint(),
              source.repository(),
              credentials(settings, source.repository()),
              outages.reason(List.of(source)),
              asker.last(source)));
    }
    return new Why(location.repository(), location.rule(), here(location, reference), sources);
  }

  /** Returns who we are there and which entry says so, without the secret; or why not. */
  private static Optional<String> credentials(
      UpstreamSettings settings, RepositoryName repository) {
    try {
      return settings
          .entry(repository)
          .map(entry -> entry.credentials() + " of " + entry.key() + " in " + entry.file());
    } catch (CredentialsException e) {
      return Optional.ofNullable(e.getMessage());
    }
  }

  private Optional<Why.Here> here(Location location, Reference reference) {
    RepositoryName repository = location.repository();
    return switch (reference) {
      case Digest digest ->
          repositories
              .manifest(repository, digest)
              .map(found -> new Why.Here(digest, false, Optional.empty(), Optional.empty()));
      case Tag tag -> {
        List<PullSource> sources = location.sources(tag);
        yield repositories
            .tag(repository, tag)
            .map(known -> {
              boolean isPushed = known.origin() == Origin.PUSHED;
              Optional<Instant> fresh =
                  isPushed || sources.isEmpty()
                      ? Optional.empty()
                      : Optional.of(
                          StoredTime.known(known.checked(), clock.instant())
                              .orElse(Instant.EPOCH)
                              .plus(freshness(sources).interval(tag)));
              return new Why.Here(known.digest(), isPushed, Optional.of(known.checked()), fresh);
            });
      }
    };
  }

  /** Asks the sources now; a tag that was pushed, and a digest that is here, are not asked for. */
  ManifestAnswer refresh(Location location, Reference reference) throws IOException {
    if (!(reference instanceof Tag tag)) {
      return manifest(location, reference);
    }
    Optional<StoredTag> known = repositories.tag(location.repository(), tag);
    Optional<StoredManifest> stored =
        known.flatMap(found -> repositories.manifest(location.repository(), found.digest()));
    if (known.isEmpty() || stored.isEmpty()) {
      return fetch(location, tag, true);
    }
    List<PullSource> sources = location.sources(tag);
    if (known.get().origin() == Origin.PUSHED || sources.isEmpty()) {
      return manifest(location, tag);
    }
    var old = new OldTag(tag, known.get(), stored.get(), sources);
    Landing landing =
        landing(
            sources,
            () ->
                SingleFlight.await(
                    flights.demand(
                        new Flight(location.repository(), tag, sources),
                        asker.longest(sources),
                        () -> check(location, old))));
    PullSource source = landing.source.orElse(sources.getFirst());
    if (landing.answer instanceof Answer.Found<StoredManifest>(StoredManifest found)) {
      return new ManifestAnswer(found, CacheStatus.of(CacheStatus.Outcome.MISS, source.name()));
    }
    throw Failures.of(landing.answer, source, Failures.manifestUnknown(location.repository(), tag));
  }

  private ManifestAnswer byDigest(Location location, Digest digest) throws IOException {
    Optional<StoredManifest> stored = repositories.manifest(location.repository(), digest);
    return stored.isPresent()
        ? new ManifestAnswer(stored.get(), CacheStatus.HIT)
        : fetch(location, digest, false);
  }

  private ManifestAnswer byTag(Location location, Tag tag) throws IOException {
    Optional<StoredTag> known = repositories.tag(location.repository(), tag);
    Optional<StoredManifest> stored =
        known.flatMap(found -> repositories.manifest(location.repository(), found.digest()));
    if (known.isEmpty() || stored.isEmpty()) {
      return fetch(location, tag, false);
    }
    List<PullSource> sources = location.sources(tag);
    if (known.get().origin() == Origin.PUSHED || sources.isEmpty()) {
      return new ManifestAnswer(stored.get(), CacheStatus.HIT);
    }
    Freshness freshness = freshness(sources);
    Instant now = clock.instant();
    Optional<Instant> stale =
        StoredTime.known(known.get().checked(), now)
            .map(checked -> checked.plus(freshness.interval(tag)))
            .filter(now::isBefore);
    if (stale.isPresent()) {
      return new ManifestAnswer(stored.get(), hit(sources.getFirst(), stale.get()));
    }
    return revalidate(location, new OldTag(tag, known.get(), stored.get(), sources));
  }

  private Freshness freshness(List<PullSource> sources) {
    return upstreams.settings(sources.getFirst()).freshness();
  }

  private CacheStatus hit(PullSource source, Instant stale) {
    return CacheStatus.of(CacheStatus.Outcome.HIT, source.name())
        .freshFor(Duration.between(clock.instant(), stale));
  }

  /** Waits for a flight. */
  private interface Wait {
    Landing end() throws IOException;
  }

  /** Returns how a wait ended; one in vain ends as if the source had said so. */
  private static Landing landing(List<PullSource> sources, Wait wait) throws IOException {
    try {
      return wait.end();
    } catch (SingleFlight.LateException e) {
      return new Landing(
          Optional.of(sources.getFirst()), new Answer.Unreachable<>(LATE), List.of());
    }
  }

  /**
   * Fetches a manifest that is not stored.
   *
   * @param isDemanded whether an answer counts only if it was asked for from now on
   */
  private ManifestAnswer fetch(Location location, Reference reference, boolean isDemanded)
      throws IOException {
    List<PullSource> sources = location.sources(reference);
    OciException unknown = unknown(location.repository(), reference);
    if (sources.isEmpty() || absences.isNoted(location, reference)) {
      throw unknown;
    }
    if (asker.isCircle(location)) {
      throw Failures.of(new Answer.Circle<>(), sources.getFirst(), unknown);
    }
    var isMine = new AtomicBoolean();
    var flight = new Flight(location.repository(), reference, sources);
    Supplier<Landing> work =
        () -> {
          isMine.set(true);
          Optional<StoredManifest> earlier =
              isDemanded ? Optional.empty() : landed(location.repository(), reference, Instant.MIN);
          return earlier
              .map(Landing::earlier)
              .orElseGet(() -> fetchFrom(location, sources, reference));
        };
    Duration limit = asker.longest(sources);
    Landing landing =
        landing(
            sources,
            () ->
                isDemanded
                    ? SingleFlight.await(flights.demand(flight, limit, work))
                    : flights.get(flight, upstreams.answerLimit(sources.getFirst()), limit, work));
    PullSource source = landing.source.orElse(sources.getFirst());
    if (landing.answer instanceof Answer.Found<StoredManifest>(StoredManifest found)) {
      return new ManifestAnswer(
          found,
          isMine.get()
              ? CacheStatus.miss(source.name()).after(landing.others)
              : CacheStatus.of(CacheStatus.Outcome.JOINED, source.name()).after(landing.others));
    }
    if (landing.answer instanceof Answer.Missing) {
      absences.note(location, reference);
    }
    throw Failures.of(landing.answer, source, unknown).and(landing.others);
  }

  /** Returns the error for a manifest that is missing; a repository that had it is told if so. */
  private OciException unknown(RepositoryName repository, Reference reference) {
    Optional<Digest> digest =
        switch (reference) {
          case Digest named ->
              Optional.of(named).filter(one -> repositories.keeps(repository, one));
          case Tag tag -> repositories.tag(repository, tag).map(StoredTag::digest);
        };
    return digest.filter(damaged::isDamagedManifest).isPresent()
        ? Failures.manifestDamaged(repository, reference)
        : Failures.manifestUnknown(repository, reference);
  }

  private ManifestAnswer revalidate(Location location, OldTag old) throws IOException {
    if (asker.isCircle(location)) {
      var circle = new Answer.Circle<StoredManifest>();
      return stale(old, circle, Failures.reason(circle));
    }
    Optional<String> outage = outages.reason(old.sources);
    if (outage.isPresent() && !outages.mayRetry(old.sources)) {
      return stale(old, new Answer.Unreachable<>(outage.get()), outage.get());
    }
    if (absences.isNoted(location, old.tag)) {
      return stale(old, new Answer.Missing<>(), GONE);
    }
    CompletableFuture<Landing> flight =
        flights
            .join(
                new Flight(location.repository(), old.tag, old.sources),
                asker.longest(old.sources),
                () ->
                    landed(location.repository(), old.tag, old.known.checked())
                        .map(Landing::earlier)
                        .orElseGet(() -> check(location, old)))
            .result();
    if (outage.isPresent()) {
      return stale(old, new Answer.Unreachable<>(outage.get()), outage.get());
    }
    Landing landing;
    try {
      landing = SingleFlight.await(flight, patience);
    } catch (SingleFlight.LateException e) {
      outages.noteSilence(outages.ordered(old.sources).getFirst(), patience);
      return stale(old, new Answer.Unreachable<>(LATE), LATE);
    } catch (IOException e) {
      LOG.atWarn().addKeyValue("tag", old.tag).setCause(e).log("revalidation failed");
      String reason = "it could not be checked";
      return stale(old, new Answer.Unreachable<>(reason), reason);
    }
    return switch (landing.answer) {
      case Answer.Found<StoredManifest>(StoredManifest found) -> {
        Instant until = clock.instant().plus(freshness(old.sources).interval(old.tag));
        yield new ManifestAnswer(found, hit(landing.source.orElse(old.sources.getFirst()), until));
      }
      case Answer.Missing<StoredManifest> missing -> missing(location, old);
      default -> stale(old, landing.answer, Failures.reason(landing.answer));
    };
  }

  /** No source has the tag any more: keeps or drops it, as the upstream's settings say. */
  private ManifestAnswer missing(Location location, OldTag old) throws IOException {
    if (freshness(old.sources).keepsMissing()) {
      absences.note(location, old.tag);
      return stale(old, new Answer.Missing<>(), GONE);
    }
    repositories.delete(location.repository(), old.tag);
    throw Failures.manifestUnknown(location.repository(), old.tag);
  }

  /** Gives an old answer since there is no new one, unless it is too old for its upstream. */
  private ManifestAnswer stale(OldTag old, Answer<?> answer, String reason) {
    PullSource source = old.sources.getFirst();
    Optional<Duration> maxStale = freshness(old.sources).maxStale();
    Instant now = clock.instant();
    boolean isWithin =
        maxStale.isEmpty()
            || StoredTime.known(old.known.checked(), now)
                .filter(checked -> !now.isAfter(checked.plus(maxStale.get())))
                .isPresent();
    if (!isWithin) {
      throw Failures.of(answer, source, Failures.manifestUnknown(source.repository(), old.tag));
    }
    return new ManifestAnswer(
        old.stored, CacheStatus.of(CacheStatus.Outcome.STALE, source.name()).because(reason));
  }

  /** Returns what a flight brought that ended just before this one began. */
  private Optional<StoredManifest> landed(
      RepositoryName repository, Reference reference, Instant known) {
    return switch (reference) {
      case Digest digest -> repositories.manifest(repository, digest);
      case Tag tag ->
          repositories
              .tag(repository, tag)
              .filter(now -> !now.checked().equals(known))
              .flatMap(now -> repositories.manifest(repository, now.digest()));
    };
  }

  /** Asks whether the tag still points where it did; fetches where it points to if not. */
  private Landing check(Location location, OldTag old) {
    RepositoryName repository = location.repository();
    try {
      return new Landing(
          asker.ask(
              location,
              old.sources,
              (upstream, source) -> {
                Answer<Optional<Digest>> head = upstream.headManifest(source.repository(), old.tag);
                if (!(head instanceof Answer.Found<Optional<Digest>>(Optional<Digest> digest))) {
                  return Answer.failure(head);
                }
                if (digest.equals(Optional.of(old.stored.digest()))) {
                  confirm(repository, old);
                  return new Answer.Found<>(old.stored);
                }
                return fetchFrom(upstream, source, repository, old.tag);
              }));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void confirm(RepositoryName repository, OldTag old) throws IOException {
    try {
      repositories.confirm(repository, old.tag, old.stored.digest());
    } catch (UnwritableStoreException e) {
      LOG.atDebug()
          .addKeyValue("repository", repository)
          .addKeyValue("reason", e.getMessage())
          .log("time of a check not stored");
    }
  }

  private Landing fetchFrom(Location location, List<PullSource> sources, Reference reference) {
    try {
      return new Landing(
          asker.insist(
              location,
              sources,
              (upstream, source) -> fetchFrom(upstream, source, location.repository(), reference)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Answer<StoredManifest> fetchFrom(
      Upstream upstream, PullSource source, RepositoryName repository, Reference reference)
      throws IOException {
    Answer<RemoteManifest> answer = upstream.manifest(source.repository(), reference);
    if (!(answer instanceof Answer.Found<RemoteManifest>(RemoteManifest remote))) {
      return Answer.failure(answer);
    }
    try (remote) {
      return store(remote, repository, reference);
    }
  }

  private Answer<StoredManifest> store(
      RemoteManifest remote, RepositoryName repository, Reference reference) throws IOException {
    Answer<ParsedManifest> answer = ParsedManifest.verified(remote, reference);
    if (!(answer instanceof Answer.Found<ParsedManifest>(ParsedManifest fetched))) {
      return Answer.failure(answer);
    }
    List<Tag> tags = reference instanceof Tag tag ? List.of(tag) : List.of();
    try {
      repositories.put(repository, fetched.stored(), fetched.manifest(), tags, Origin.CACHED);
    } catch (UnwritableStoreException e) {
      LOG.atWarn()
          .addKeyValue("repository", repository)
          .addKeyValue("reason", e.getMessage())
          .log("manifest not stored");
    }
    return new Answer.Found<>(fetched.stored());
  }
}
