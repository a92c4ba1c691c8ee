package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.oci.RepositoryName;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Health of the upstreams: those that failed recently, and why. An outage only shortens the wait
 * for cached content and moves a source to the end of the order. It never prevents a request for
 * content that is not cached.
 *
 * <p>An upstream that denies access may do so for one repository and for one namespace's secrets
 * only. Denials are therefore recorded by both.
 */
final class Outages {
  private static final Duration USUAL = Duration.ofSeconds(10);
  private static final Duration LONGEST = Duration.ofMinutes(5);

  /** Clients may request any number of repositories that are denied; forgetting one is harmless. */
  private static final int MOST = 10_000;

  private final InstantSource clock;
  private final Cache<Place, Outage> outages =
      Caffeine.newBuilder().maximumSize(MOST).executor(Runnable::run).build();

  Outages(InstantSource clock) {
    this.clock = clock;
  }

  private record Place(
      String upstream,
      int endpoint,
      Optional<RepositoryName> repository,
      Optional<String> secrets) {
    static Place whole(PullSource source) {
      return new Place(source.upstream(), source.endpoint(), Optional.empty(), Optional.empty());
    }

    static Place part(PullSource source) {
      return new Place(
          source.upstream(), source.endpoint(), Optional.of(source.repository()), source.secrets());
    }
  }

  /**
   * @param begun the beginning. A source that is asked at or after it can show that it works again.
   *     {@link Instant#MIN} if an answer to an older request shows that too.
   */
  private record Outage(Instant begun, Instant retry, String reason) {}

  /** Returns the time of the clock that outages are measured with. */
  Instant now() {
    return clock.instant();
  }

  /**
   * Records how a source answered.
   *
   * @param asked the time of the request, by {@link #now}
   */
  void note(PullSource source, Answer<?> answer, Instant asked) {
    switch (answer) {
      case Answer.Found<?> found -> end(source, asked);
      case Answer.Missing<?> missing -> end(source, asked);
      case Answer.Circle<?> circle -> end(source, asked);
      case Answer.Busy<?> busy -> {}
      case Answer.Refused<?>(String reason) -> begin(Place.part(source), reason, USUAL);
      case Answer.Unreachable<?>(String reason, Optional<Duration> retryAfter) ->
          begin(Place.whole(source), reason, pause(retryAfter));
      case Answer.Throttled<?>(Optional<Duration> retryAfter) ->
          begin(Place.whole(source), "it throttles us", pause(retryAfter));
    }
  }

  private static Duration pause(Optional<Duration> retryAfter) {
    Duration pause = retryAfter.orElse(USUAL);
    return pause.compareTo(LONGEST) > 0 ? LONGEST : pause;
  }

  /**
   * Records how a source answered a request for something other than image content. An answer ends
   * an outage only if a retry was due.
   */
  void noteAside(PullSource source, Answer<?> answer, Instant asked) {
    boolean isAnswered = answer instanceof Answer.Found || answer instanceof Answer.Missing;
    if (isAnswered && !isAvoided(source)) {
      end(source, asked);
    }
  }

  /** Records that a source did not answer within the time that a client waits. */
  void noteSilence(PullSource source, Duration waited) {
    String reason = "no answer in " + waited.toMillis() + " ms";
    outages.put(Place.whole(source), new Outage(Instant.MIN, now().plus(USUAL), reason));
  }

  private void begin(Place place, String reason, Duration pause) {
    Instant now = now();
    outages.put(place, new Outage(now, now.plus(pause), reason));
  }

  private void end(PullSource source, Instant asked) {
    end(Place.whole(source), asked);
    end(Place.part(source), asked);
  }

  private void end(Place place, Instant asked) {
    outages
        .asMap()
        .computeIfPresent(place, (at, outage) -> outage.begun().isAfter(asked) ? outage : null);
  }

  /**
   * Returns why none of the sources works; empty if one of them may work. They may still be asked,
   * but no client should wait for the answer.
   */
  Optional<String> reason(List<PullSource> sources) {
    Optional<String> reason = Optional.empty();
    for (PullSource source : sources) {
      Optional<Outage> outage = outage(source);
      if (outage.isEmpty()) {
        return Optional.empty();
      }
      reason = reason.or(() -> outage.map(Outage::reason));
    }
    return reason;
  }

  /** Returns whether one of the sources, all of which are out, may be asked again. */
  boolean mayRetry(List<PullSource> sources) {
    return sources.stream().anyMatch(source -> !isAvoided(source));
  }

  /** Returns the sources, with those last that failed a short time ago. */
  List<PullSource> ordered(List<PullSource> sources) {
    var ordered = new ArrayList<PullSource>(sources.size());
    sources.stream().filter(source -> !isAvoided(source)).forEach(ordered::add);
    sources.stream().filter(source -> !ordered.contains(source)).forEach(ordered::add);
    return ordered;
  }

  private boolean isAvoided(PullSource source) {
    return outage(source).filter(outage -> now().isBefore(outage.retry())).isPresent();
  }

  private Optional<Outage> outage(PullSource source) {
    return Optional.ofNullable(outages.getIfPresent(Place.whole(source)))
        .or(() -> Optional.ofNullable(outages.getIfPresent(Place.part(source))));
  }
}
