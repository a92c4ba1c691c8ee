package dev.cistern.mirror;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import dev.cistern.mirror.rules.Location;
import dev.cistern.mirror.rules.PullSource;
import dev.cistern.mirror.upstream.Answer;
import dev.cistern.mirror.upstream.Upstream;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Client of a location's pull sources: it asks one source after the other until it finds the
 * requested content. Sources that failed recently are asked last.
 *
 * <p>Each request carries a Via header (RFC 9110 section 7.6.3) with the proxies it came through. A
 * request that has already passed through this server is not forwarded again. Mirrors that point at
 * each other would otherwise ask each other forever.
 */
final class Asker {
  private static final int MOST_ROUNDS = 3;
  private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** Bounds the counters, because wildcards in rules can match any number of hosts. */
  private static final int MOST_COUNTED = 1000;

  private static final int MOST_REMEMBERED = 10_000;

  private final Map<String, LongAdder> answers = new ConcurrentHashMap<>();
  private final Cache<PullSource, Why.Last> lasts =
      Caffeine.newBuilder().maximumSize(MOST_REMEMBERED).build();
  private final Upstreams upstreams;
  private final Outages outages;
  private final Outside outside;
  private final InstantSource clock;
  private final String own = "cistern-" + UUID.randomUUID();

  Asker(Upstreams upstreams, Outages outages, Outside outside, InstantSource clock) {
    this.upstreams = upstreams;
    this.outages = outages;
    this.outside = outside;
    this.clock = clock;
  }

  /** Returns the access to upstreams and to time that this client uses. */
  Outside outside() {
    return outside;
  }

  /** One request to one source. */
  interface Question<T> {
    Answer<T> ask(Upstream upstream, PullSource source) throws IOException;
  }

  /** Recorder of a source's answer, and of the time of the request. */
  private interface Note {
    void take(PullSource source, Answer<?> answer, Instant asked);
  }

  /**
   * An answer and the source that gave it.
   *
   * @param others the answers of the other sources that were asked, each {@code NAME: REASON}
   */
  record Asked<T>(PullSource source, Answer<T> answer, List<String> others) {
    Asked {
      others = List.copyOf(others);
    }
  }

  /** Returns the number of answers of upstreams, by {@code UPSTREAM OUTCOME}. */
  Map<String, LongAdder> answers() {
    return answers;
  }

  /**
   * Returns whether the request has already passed through this server. Such a request must not
   * join a fetch in progress either, because that fetch probably waits for the answer to it.
   */
  boolean isCircle(Location location) {
    return location.via().filter(proxies -> proxies.contains(own)).isPresent();
  }

  /**
   * Asks each source once, until the content is found. If none has it, returns the most significant
   * answer: a "not found" from one source does not count if another source could not be asked.
   *
   * @param sources the sources to ask, at least one
   */
  <T> Asked<T> ask(Location location, List<PullSource> sources, Question<T> question)
      throws IOException {
    return ask(location, sources, question, outages::note);
  }

  /**
   * Asks as {@link #ask} does, for something other than an image's content. A failure begins no
   * outage, because it does not show how the sources serve image content.
   */
  <T> Asked<T> askAside(Location location, List<PullSource> sources, Question<T> question)
      throws IOException {
    return ask(location, sources, question, outages::noteAside);
  }

  private <T> Asked<T> ask(
      Location location, List<PullSource> sources, Question<T> question, Note note)
      throws IOException {
    if (isCircle(location)) {
      return new Asked<>(sources.getFirst(), new Answer.Circle<>(), List.of());
    }
    String via = location.via().map(proxies -> proxies + ", ").orElse("");
    var failed = new LinkedHashMap<PullSource, Answer<T>>();
    for (PullSource source : outages.ordered(sources)) {
      Upstream upstream = upstreams.get(source).via(via + "1.1 " + own);
      Instant begun = outages.now();
      Answer<T> answer = question.ask(upstream, source);
      if (Thread.currentThread().isInterrupted() && !(answer instanceof Answer.Found)) {
        throw new IOException("the answer is no longer wanted"); // not the source's failure
      }
      note.take(source, answer, begun);
      count(source, answer);
      if (answer instanceof Answer.Found) {
        return new Asked<>(source, answer, texts(failed, source));
      }
      failed.put(source, answer);
    }
    Map.Entry<PullSource, Answer<T>> telling =
        failed.entrySet().stream()
            .max(Comparator.comparingInt(entry -> weight(entry.getValue())))
            .orElseThrow(() -> new IllegalArgumentException("no sources to ask"));
    return new Asked<>(telling.getKey(), telling.getValue(), texts(failed, telling.getKey()));
  }

  /** Returns the maximum time until all of these sources have given a small answer. */
  Duration longest(List<PullSource> sources) {
    return sources.stream().map(upstreams::answerLimit).reduce(PATIENCE, Duration::plus);
  }

  private static <T> List<String> texts(Map<PullSource, Answer<T>> answers, PullSource but) {
    return answers.entrySet().stream()
        .filter(entry -> !entry.getKey().equals(but))
        .map(entry -> entry.getKey().name() + ": " + Failures.reason(entry.getValue()))
        .toList();
  }

  /**
   * Returns the answer to the most recent request for a source's repository; empty if none is
   * remembered.
   */
  Optional<Why.Last> last(PullSource source) {
    return Optional.ofNullable(lasts.getIfPresent(source));
  }

  private void count(PullSource source, Answer<?> answer) {
    lasts.put(source, new Why.Last(clock.instant(), Failures.reason(answer)));
    String outcome = answer.getClass().getSimpleName().toLowerCase(Locale.ROOT);
    String key = source.upstream() + " " + outcome;
    if (answers.size() < MOST_COUNTED || answers.containsKey(key)) {
      answers.computeIfAbsent(key, absent -> new LongAdder()).increment();
    }
  }

  /**
   * Asks as {@link #ask} does, and retries a few times within a client's patience if the failure
   * may be temporary.
   */
  <T> Asked<T> insist(Location location, List<PullSource> sources, Question<T> question)
      throws IOException {
    boolean wasOut = outages.reason(sources).isPresent();
    long begin = System.nanoTime();
    long patience = patience(sources).toNanos();
    Duration pause = FIRST_PAUSE;
    for (int round = 1; ; round++) {
      Asked<T> asked = ask(location, sources, question);
      Optional<Duration> wait = wasOut ? Optional.empty() : wait(asked.answer, pause);
      boolean isLate = System.nanoTime() - begin >= patience;
      if (wait.isEmpty() || isLate || round == MOST_ROUNDS) {
        return asked;
      }
      outside.pause(wait.get());
      pause = pause.multipliedBy(2);
    }
  }

  /**
   * Returns the time after which no retry is started. It is at most the shortest answer limit of
   * the sources, because a source that used up its limit is not asked again.
   */
  private Duration patience(List<PullSource> sources) {
    return sources.stream()
        .map(upstreams::answerLimit)
        .reduce(PATIENCE, (least, limit) -> limit.compareTo(least) < 0 ? limit : least);
  }

  /** Returns how long to wait before a retry; empty if a retry would not help. */
  private static Optional<Duration> wait(Answer<?> answer, Duration usual) {
    return switch (answer) {
      case Answer.Throttled<?>(Optional<Duration> retryAfter) ->
          Optional.of(retryAfter.orElse(usual)).filter(wait -> wait.compareTo(LONGEST_PAUSE) <= 0);
      case Answer.Unreachable<?>(String reason, Optional<Duration> retryAfter) ->
          Optional.of(retryAfter.orElse(usual)).filter(wait -> wait.compareTo(LONGEST_PAUSE) <= 0);
      case Answer.Busy<?> busy -> Optional.of(usual);
      case Answer.Refused<?> refused -> Optional.empty();
      case Answer.Circle<?> circle -> Optional.empty();
      case Answer.Missing<?> missing -> Optional.empty();
      case Answer.Found<?> found -> Optional.empty();
    };
  }

  private static int weight(Answer<?> answer) {
    return switch (answer) {
      case Answer.Missing<?> missing -> 0;
      case Answer.Circle<?> circle -> 1;
      case Answer.Refused<?> refused -> 2;
      case Answer.Unreachable<?> unreachable -> 3;
      case Answer.Throttled<?> throttled -> 4;
      case Answer.Busy<?> busy -> 5;
      case Answer.Found<?> found -> 6;
    };
  }
}
