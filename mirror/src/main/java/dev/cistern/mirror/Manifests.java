package dev.cistern.mirror;

import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.RemoteManifest;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.Digest;
import dev.cistern.oci.Manifest;
import dev.cistern.oci.OciException;
import dev.cistern.oci.Reference;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import dev.cistern.storage.Origin;
import dev.cistern.storage.Repositories;
import dev.cistern.storage.StoredManifest;
import dev.cistern.storage.StoredTag;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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
  private static final Duration OUTAGE = Duration.ofSeconds(10);
  private static final Duration LONGEST_OUTAGE = Duration.ofMinutes(5);

  private final Repositories repositories;
  private final Upstreams upstreams;
  private final Outages outages;
  private final InstantSource clock;
  private final Duration patience;
  private final SingleFlight<Flight, Answer<StoredManifest>> flights;

  Manifests(
      Repositories repositories,
      Upstreams upstreams,
      InstantSource clock,
      Duration patience,
      Executor executor) {
    this.repositories = repositories;
    this.upstreams = upstreams;
    this.outages = new Outages(clock);
    this.clock = clock;
    this.patience = patience;
    this.flights = new SingleFlight<>(executor);
  }

  private record Flight(RepositoryName repository, Reference reference) {}

  ManifestAnswer manifest(Location location, Reference reference) throws IOException {
    return switch (reference) {
      case Digest digest -> byDigest(location, digest);
      case Tag tag -> byTag(location, tag);
    };
  }

  private ManifestAnswer byDigest(Location location, Digest digest) throws IOException {
    Optional<StoredManifest> stored = repositories.manifest(location.repository(), digest);
    return stored.isPresent()
        ? new ManifestAnswer(stored.get(), CacheStatus.HIT)
        : fetch(location, digest);
  }

  private ManifestAnswer byTag(Location location, Tag tag) throws IOException {
    Optional<StoredTag> known = repositories.tag(location.repository(), tag);
    Optional<StoredManifest> stored =
        known.flatMap(found -> repositories.manifest(location.repository(), found.digest()));
    if (known.isEmpty() || stored.isEmpty()) {
      return fetch(location, tag);
    }
    if (known.get().origin() == Origin.PUSHED || location.sources().isEmpty()) {
      return new ManifestAnswer(stored.get(), CacheStatus.HIT);
    }
    PullSource source = location.sources().getFirst();
    Duration interval = upstreams.get(source.upstream()).settings().freshness();
    Instant stale = known.get().checked().plus(interval);
    if (clock.instant().isBefore(stale)) {
      return new ManifestAnswer(stored.get(), hit(source, stale));
    }
    return revalidate(location, tag, source, stored.get(), known.get().checked(), interval);
  }

  private static ManifestAnswer stale(StoredManifest stored, String upstream, String reason) {
    return new ManifestAnswer(
        stored, CacheStatus.of(CacheStatus.Outcome.STALE, upstream).because(reason));
  }

  private CacheStatus hit(PullSource source, Instant stale) {
    return CacheStatus.of(CacheStatus.Outcome.HIT, source.upstream())
        .freshFor(Duration.between(clock.instant(), stale));
  }

  private ManifestAnswer fetch(Location location, Reference reference) throws IOException {
    if (location.sources().isEmpty()) {
      throw Failures.manifestUnknown(location.repository(), reference);
    }
    PullSource source = location.sources().getFirst();
    CompletableFuture<Answer<StoredManifest>> flight =
        flights.join(
            new Flight(location.repository(), reference),
            () ->
                landed(location.repository(), reference, Instant.MIN)
                    .<Answer<StoredManifest>>map(Answer.Found::new)
                    .orElseGet(() -> fetch(source, location.repository(), reference)));
    Answer<StoredManifest> answer = await(flight);
    if (answer instanceof Answer.Found<StoredManifest>(StoredManifest found)) {
      return new ManifestAnswer(found, CacheStatus.miss(source.upstream()));
    }
    throw Failures.of(
        answer, source.upstream(), Failures.manifestUnknown(location.repository(), reference));
  }

  private ManifestAnswer revalidate(
      Location location,
      Tag tag,
      PullSource source,
      StoredManifest stored,
      Instant checked,
      Duration interval)
      throws IOException {
    String upstream = source.upstream();
    Optional<String> outage = outages.reason(upstream);
    if (outage.isPresent() && !outages.mayRetry(upstream)) {
      return stale(stored, upstream, outage.get());
    }
    CompletableFuture<Answer<StoredManifest>> flight =
        flights.join(
            new Flight(location.repository(), tag),
            () ->
                landed(location.repository(), tag, checked)
                    .<Answer<StoredManifest>>map(Answer.Found::new)
                    .orElseGet(() -> check(source, location.repository(), tag, stored)));
    if (outage.isPresent()) {
      return stale(stored, upstream, outage.get());
    }
    Answer<StoredManifest> answer;
    try {
      answer = flight.get(patience.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      outages.begin(upstream, "no answer in " + patience.toMillis() + " ms", OUTAGE);
      return stale(stored, upstream, "no answer in time");
    } catch (ExecutionException e) {
      LOG.atWarn().addKeyValue("upstream", upstream).setCause(e).log("revalidation failed");
      return stale(stored, upstream, "it could not be checked");
    } catch (InterruptedException e) {
      throw failed(e);
    }
    return answer instanceof Answer.Found<StoredManifest>(StoredManifest found)
        ? new ManifestAnswer(found, hit(source, clock.instant().plus(interval)))
        : stale(stored, upstream, Failures.reason(answer));
  }

  /** Returns what a flight brought that ended just before this one began. */
  private Optional<StoredManifest> landed(
      RepositoryName repository, Reference reference, Instant known) {
    return switch (reference) {
      case Digest digest -> repositories.manifest(repository, digest);
      case Tag tag ->
          repositories
              .tag(repository, tag)
              .filter(now -> now.checked().isAfter(known))
              .flatMap(now -> repositories.manifest(repository, now.digest()));
    };
  }

  /** Asks whether the tag still points to {@code stored}; fetches where it points to if not. */
  private Answer<StoredManifest> check(
      PullSource source, RepositoryName repository, Tag tag, StoredManifest stored) {
    try {
      Upstream upstream = upstreams.get(source.upstream());
      Answer<Optional<Digest>> head = upstream.headManifest(source.repository(), tag);
      note(source.upstream(), head);
      return switch (head) {
        case Answer.Found<Optional<Digest>>(Optional<Digest> digest)
            when digest.equals(Optional.of(stored.digest())) -> {
          repositories.confirm(repository, tag, stored.digest());
          yield new Answer.Found<>(stored);
        }
        case Answer.Found<Optional<Digest>> moved -> fetch(source, repository, tag);
        default -> Answer.failure(head);
      };
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Answer<StoredManifest> fetch(
      PullSource source, RepositoryName repository, Reference reference) {
    try {
      Answer<RemoteManifest> answer =
          upstreams.get(source.upstream()).manifest(source.repository(), reference);
      note(source.upstream(), answer);
      return answer instanceof Answer.Found<RemoteManifest>(RemoteManifest remote)
          ? store(remote, repository, reference)
          : Answer.failure(answer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Answer<StoredManifest> store(
      RemoteManifest remote, RepositoryName repository, Reference reference) throws IOException {
    Digest wanted =
        reference instanceof Digest digest
            ? digest
            : remote.digest().orElseGet(() -> Digest.of(remote.bytes()));
    if (!Digest.of(wanted.algorithm(), remote.bytes()).equals(wanted)) {
      return new Answer.Unreachable<>("it sent a manifest that is not " + wanted);
    }
    Manifest manifest;
    try {
      manifest = Manifest.parse(remote.bytes(), remote.mediaType());
    } catch (OciException e) {
      return new Answer.Unreachable<>("it sent no valid manifest: " + e.message());
    }
    var stored = new StoredManifest(wanted, manifest.mediaType(), remote.bytes());
    List<Tag> tags = reference instanceof Tag tag ? List.of(tag) : List.of();
    repositories.put(repository, stored, manifest, tags, Origin.CACHED);
    return new Answer.Found<>(stored);
  }

  private void note(String upstream, Answer<?> answer) {
    switch (answer) {
      case Answer.Found<?> found -> outages.end(upstream);
      case Answer.Missing<?> missing -> outages.end(upstream);
      case Answer.Refused<?>(String reason) -> outages.begin(upstream, reason, OUTAGE);
      case Answer.Unreachable<?>(String reason) -> outages.begin(upstream, reason, OUTAGE);
      case Answer.Throttled<?>(Optional<Duration> retryAfter) -> {
        Duration pause = retryAfter.orElse(OUTAGE);
        outages.begin(
            upstream,
            "it throttles us",
            pause.compareTo(LONGEST_OUTAGE) > 0 ? LONGEST_OUTAGE : pause);
      }
    }
  }

  private static <T> T await(CompletableFuture<T> flight) throws IOException {
    try {
      return flight.get();
    } catch (ExecutionException | InterruptedException e) {
      throw failed(e);
    }
  }

  private static IOException failed(Exception e) {
    if (e instanceof InterruptedException) {
      Thread.currentThread().interrupt();
      return new IOException("the server is stopping", e);
    }
    Throwable cause = e.getCause();
    return cause instanceof UncheckedIOException io && io.getCause() != null
        ? io.getCause()
        : new IOException(String.valueOf(cause), e);
  }
}
