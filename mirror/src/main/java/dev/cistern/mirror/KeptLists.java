package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.Upstream;
import dev.cistern.oci.RepositoryName;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collections;
import java.util.List;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cache of the lists of upstreams. Concurrent requests for a list share one request to the
 * upstream. The list stays in memory for the upstream's freshness interval, so that a second page
 * or client does not ask again.
 *
 * <p>A failure is remembered too. It shortens the wait of requests that can be answered from the
 * store: the first time they wait for a list at most for the patience. They do not wait at all
 * while the failure is remembered or the upstream is out. Requests that cannot be answered from the
 * store still ask the upstream. A failed list begins no outage, because it does not show how the
 * upstream serves manifests.
 */
final class KeptLists<K, T> {
  private static final Logger LOG = LoggerFactory.getLogger(KeptLists.class);
  private static final Duration ABSENCE = Duration.ofSeconds(10);
  private static final Duration FAILURE = Duration.ofSeconds(10);
  private static final Duration LONGEST_FAILURE = Duration.ofMinutes(5);
  private static final long MOST_BYTES = 24 << 20;
  private static final int LEAST_BYTES = 1024;

  /** Leaves connections of an upstream to other requests while slow lists are read. */
  private static final int MAX_LISTS_PER_UPSTREAM = 2;

  private static final Duration PLACE_PATIENCE = Duration.ofSeconds(10);
  private static final String LATE = "no answer in time";

  private final Upstreams upstreams;
  private final Asker asker;
  private final Outages outages;
  private final InstantSource clock;
  private final Duration patience;
  private final Question<K, T> question;
  private final Function<T, String> order;
  private final SingleFlight<K, Kept<T>> flights;
  private final Cache<K, Kept<T>> lists;

  /** By upstream; an entry stays while a list of it is requested. */
  private final Cache<String, Semaphore> places = Caffeine.newBuilder().weakValues().build();

  /**
   * @param order the key by which entries are identified and sorted
   * @param weight the approximate memory of an entry in bytes
   */
  KeptLists(
      Upstreams upstreams,
      Asker asker,
      Outages outages,
      InstantSource clock,
      Duration patience,
      Executor executor,
      Question<K, T> question,
      Function<T, String> order,
      ToIntFunction<T> weight) {
    this.upstreams = upstreams;
    this.asker = asker;
    this.outages = outages;
    this.clock = clock;
    this.patience = patience;
    this.question = question;
    this.order = order;
    this.flights =
        new SingleFlight<>(executor, kept -> !kept.isFailure(), patience, System::nanoTime);
    this.lists =
        Caffeine.newBuilder()
            .maximumWeight(MOST_BYTES)
            .<K, Kept<T>>weigher((key, kept) -> weight(kept, weight))
            .build();
  }

  /** A request for the list of one repository of one upstream. */
  interface Question<K, T> {
    Answer<List<T>> ask(Upstream upstream, RepositoryName repository, K key);
  }

  /** An upstream's answer, and how the cache determined it. */
  record Heard<T>(PullSource source, Answer<NavigableMap<String, T>> answer, CacheStatus status) {}

  /** An answer that is valid until an instant; a failure is remembered until then. */
  private record Kept<T>(PullSource source, Answer<NavigableMap<String, T>> answer, Instant until) {
    boolean isFailure() {
      return !(answer instanceof Answer.Found) && !(answer instanceof Answer.Missing);
    }

    Heard<T> heard(CacheStatus status) {
      return new Heard<>(
          source,
          answer,
          answer instanceof Answer.Missing ? status.because(Failures.reason(answer)) : status);
    }
  }

  /** The reason not to wait for a list, and whether the list may be requested again. */
  private record Trouble(PullSource source, String reason, boolean mayRetry) {}

  /**
   * Returns the list of the first of {@code sources} that answers, or the reason why none does.
   *
   * @param location the location of the sources
   * @param sources the sources in the order to ask them, at least one
   * @param isHere whether the store has an answer if no source does
   * @throws IOException if an upstream cannot be asked because of a failure in this server
   */
  Heard<T> ask(K key, Location location, List<PullSource> sources, boolean isHere)
      throws IOException {
    @Nullable Kept<T> known = lists.getIfPresent(key);
    if (known != null && isAnswered(known)) {
      Duration left = Duration.between(clock.instant(), known.until());
      Duration fresh = left.isNegative() ? Duration.ZERO : left;
      return known.heard(
          CacheStatus.of(CacheStatus.Outcome.HIT, known.source().name()).freshFor(fresh));
    }
    if (asker.isCircle(location)) {
      return landed(new Kept<>(sources.getFirst(), new Answer.Circle<>(), clock.instant()));
    }
    if (isHere) {
      return askInTime(key, location, sources, known);
    }
    try {
      return landed(
          flights.get(
              key,
              upstreams.answerLimit(sources.getFirst()),
              longest(sources),
              work(key, location, sources)));
    } catch (SingleFlight.LateException e) {
      return stale(sources.getFirst(), LATE);
    }
  }

  private static Duration longest(List<PullSource> sources) {
    return Upstream.WHOLE_LIST.multipliedBy(sources.size()).plus(PLACE_PATIENCE);
  }

  private Heard<T> askInTime(
      K key, Location location, List<PullSource> sources, @Nullable Kept<T> known) {
    Optional<Trouble> trouble = trouble(sources, known);
    if (trouble.isPresent() && !trouble.get().mayRetry()) {
      return stale(trouble.get().source(), trouble.get().reason());
    }
    CompletableFuture<Kept<T>> flight =
        flights.join(key, longest(sources), work(key, location, sources)).result();
    if (trouble.isPresent()) {
      return stale(trouble.get().source(), trouble.get().reason());
    }
    PullSource source = sources.getFirst();
    try {
      return landed(SingleFlight.await(flight, patience));
    } catch (SingleFlight.LateException e) {
      String reason = "no answer in " + patience.toMillis() + " ms";
      remember(key, source, new Answer.Unreachable<>(reason), FAILURE);
      return stale(source, reason);
    } catch (IOException e) {
      LOG.atWarn().addKeyValue("upstream", source.name()).setCause(e).log("list not asked for");
      return stale(source, "it could not be asked");
    }
  }

  private Optional<Trouble> trouble(List<PullSource> sources, @Nullable Kept<T> known) {
    if (known != null && known.isFailure()) {
      return Optional.of(
          new Trouble(known.source(), Failures.reason(known.answer()), !isGood(known)));
    }
    return outages
        .reason(sources)
        .map(reason -> new Trouble(sources.getFirst(), reason, outages.mayRetry(sources)));
  }

  private Heard<T> landed(Kept<T> kept) {
    return kept.isFailure()
        ? new Heard<>(
            kept.source(),
            kept.answer(),
            CacheStatus.of(CacheStatus.Outcome.STALE, kept.source().name())
                .because(Failures.reason(kept.answer())))
        : kept.heard(CacheStatus.miss(kept.source().name()));
  }

  private Heard<T> stale(PullSource source, String reason) {
    return new Heard<>(
        source,
        new Answer.Unreachable<>(reason),
        CacheStatus.of(CacheStatus.Outcome.STALE, source.name()).because(reason));
  }

  private Supplier<Kept<T>> work(K key, Location location, List<PullSource> sources) {
    return () -> {
      @Nullable Kept<T> known = lists.getIfPresent(key);
      return known != null && isAnswered(known) ? known : fetch(key, location, sources);
    };
  }

  private Kept<T> fetch(K key, Location location, List<PullSource> sources) {
    PullSource first = sources.getFirst();
    Semaphore ofUpstream =
        places.get(first.upstream(), name -> new Semaphore(MAX_LISTS_PER_UPSTREAM, true));
    if (!isTaken(ofUpstream)) {
      return busy(first);
    }
    try {
      return fetchNow(key, location, sources);
    } finally {
      ofUpstream.release();
    }
  }

  private static boolean isTaken(Semaphore place) {
    try {
      return place.tryAcquire(PLACE_PATIENCE.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private Kept<T> busy(PullSource source) {
    return new Kept<>(
        source,
        new Answer.Busy<>("too many of its lists are being read at a time"),
        clock.instant());
  }

  private Kept<T> fetchNow(K key, Location location, List<PullSource> sources) {
    try {
      Asker.Asked<List<T>> asked =
          asker.askAside(
              location,
              sources,
              (upstream, source) -> question.ask(upstream, source.repository(), key));
      PullSource source = asked.source();
      Duration fresh = upstreams.settings(source).freshness().interval();
      return switch (asked.answer()) {
        case Answer.Found<List<T>>(List<T> entries) ->
            remember(key, source, new Answer.Found<>(sorted(entries)), fresh);
        case Answer.Missing<List<T>> missing ->
            remember(
                key,
                source,
                new Answer.Missing<>(),
                fresh.compareTo(ABSENCE) < 0 ? fresh : ABSENCE);
        case Answer<List<T>> failure ->
            remember(key, source, Answer.failure(failure), pause(failure));
      };
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Duration pause(Answer<?> answer) {
    Duration pause =
        answer instanceof Answer.Throttled<?>(Optional<Duration> retryAfter)
            ? retryAfter.orElse(FAILURE)
            : FAILURE;
    return pause.compareTo(LONGEST_FAILURE) > 0 ? LONGEST_FAILURE : pause;
  }

  /** Remembers an answer for a time. A failure never replaces a list that is still valid. */
  private Kept<T> remember(
      K key, PullSource source, Answer<NavigableMap<String, T>> answer, Duration time) {
    var kept = new Kept<>(source, answer, clock.instant().plus(time));
    lists.asMap().merge(key, kept, (old, now) -> now.isFailure() && isAnswered(old) ? old : now);
    return kept;
  }

  /** Returns whether the answer is a list or that there is none, and is still valid. */
  private boolean isAnswered(Kept<T> kept) {
    return !kept.isFailure() && isGood(kept);
  }

  private boolean isGood(Kept<T> kept) {
    return clock.instant().isBefore(kept.until());
  }

  private NavigableMap<String, T> sorted(List<T> entries) {
    var sorted = new TreeMap<String, T>();
    entries.forEach(entry -> sorted.put(order.apply(entry), entry));
    return Collections.unmodifiableNavigableMap(sorted);
  }

  private static <T> int weight(Kept<T> kept, ToIntFunction<T> weight) {
    return kept.answer() instanceof Answer.Found<NavigableMap<String, T>>(var list)
        ? LEAST_BYTES + list.values().stream().mapToInt(weight).sum()
        : LEAST_BYTES;
  }
}
