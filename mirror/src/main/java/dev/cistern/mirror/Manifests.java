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
 * Service for manifests, and for the freshness of the tags that point to them.
 *
 * <p>A stored digest is never requested again. A cached tag is served for its upstream's freshness
 * interval. Then it is revalidated by HEAD, and fetched only if it moved. If revalidation fails,
 * the old answer is served (RFC 9111 section 4.2.4, "stale"): after at most the patience the first
 * time, and at once while the outage lasts.
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

  /**
   * Key of a flight. It has the sources, because a request by other rules need not fail if this one
   * does.
   */
  private record Flight(RepositoryName repository, Reference reference, List<PullSource> sources) {}

  /** Result of a flight, and its source; no source if an earlier flight had stored the manifest. */
  private record Landing(
      Optional<PullSource> source, Answer<StoredManifest> answer, List<String> others) {
    Landing(Asker.Asked<StoredManifest> asked) {
      this(Optional.of(asked.source()), asked.answer(), asked.others());
    }

    static Landing earlier(StoredManifest manifest) {
      return new Landing(Optional.empty(), new Answer.Found<>(manifest), List.of());
    }
  }

  /** A cached tag that is too old to be served without asking. */
  private record OldTag(
      Tag tag, StoredTag known, StoredManifest stored, List<PullSource> sources) {}

  ManifestAnswer manifest(Location location, Reference reference) throws IOException {
    return switch (reference) {
      case Digest digest -> byDigest(location, digest);
      case Tag tag -> byTag(location, tag);
    };
  }

  /** Returns whether no upstream need be asked: for a stored digest, or a pushed tag. */
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

  /**
   * Returns the user name for the upstream and the entry it comes from, without the secret. Returns
   * an error message if the entry cannot be read.
   */
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

  /** Asks the sources now, except for pushed tags and stored digests. */
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

  /** A wait for a flight. */
  private interface Wait {
    Landing end() throws IOException;
  }

  /** Returns the result of a wait; if it timed out, the first source counts as unreachable. */
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
   * @param isDemanded whether only the answer to a request that begins now counts
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

  /**
   * Returns the error for a missing manifest. It is a special one if the repository has the
   * manifest, but damaged.
   */
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

  /**
   * Handles a tag that no source has any longer: keeps or deletes it, depending on the upstream's
   * settings.
   */
  private ManifestAnswer missing(Location location, OldTag old) throws IOException {
    if (freshness(old.sources).keepsMissing()) {
      absences.note(location, old.tag);
      return stale(old, new Answer.Missing<>(), GONE);
    }
    repositories.delete(location.repository(), old.tag);
    throw Failures.manifestUnknown(location.repository(), old.tag);
  }

  /**
   * Returns the old answer because there is no new one, unless it is too old for its upstream's
   * settings.
   */
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

  /** Returns the manifest that a flight stored just before this one began. */
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

  /** Asks whether the tag still points to the same digest; if not, fetches the new manifest. */
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
