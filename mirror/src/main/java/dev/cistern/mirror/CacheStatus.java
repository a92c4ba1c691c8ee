package dev.cistern.mirror;

import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/**
 * What the cache did for an answer, for the log, the metrics and the header Cache-Status (RFC
 * 9211).
 *
 * @param upstream the upstream that was asked or stands behind the answer
 * @param reason why, where it is not plain
 * @param fresh how long the answer may be given without asking again
 */
public record CacheStatus(
    Outcome outcome, Optional<String> upstream, Optional<String> reason, Optional<Duration> fresh) {
  /** What can happen. */
  public enum Outcome {
    /** It was here. */
    HIT("hit"),
    /** It was here, and is given although an upstream should have been asked and could not be. */
    STALE("fwd=stale"),
    /** It was fetched for this request. */
    MISS("fwd=uri-miss; stored"),
    /** An upstream was asked for it, and nothing was fetched. */
    ASKED("fwd=uri-miss"),
    /** It was being fetched already. */
    JOINED("fwd=uri-miss; collapsed");

    private final String parameters;

    Outcome(String parameters) {
      this.parameters = parameters;
    }

    /** Returns the word of the log and the metrics. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  static final CacheStatus HIT = of(Outcome.HIT);

  static CacheStatus of(Outcome outcome) {
    return new CacheStatus(outcome, Optional.empty(), Optional.empty(), Optional.empty());
  }

  static CacheStatus from(Outcome outcome, String upstream) {
    return new CacheStatus(outcome, Optional.of(upstream), Optional.empty(), Optional.empty());
  }

  static CacheStatus stale(String upstream, String reason) {
    return new CacheStatus(
        Outcome.STALE, Optional.of(upstream), Optional.of(reason), Optional.empty());
  }

  /** Returns the same, good for {@code time}. */
  public CacheStatus freshFor(Duration time) {
    return new CacheStatus(outcome, upstream, reason, Optional.of(time));
  }

  /** Returns the value of a Cache-Status header. */
  public String header() {
    return "cistern; "
        + outcome.parameters
        + fresh.map(time -> "; ttl=" + time.toSeconds()).orElse("")
        + reason
            .map(text -> "; detail=\"" + text.replaceAll("[^ -~]|[\"\\\\]", "'") + "\"")
            .orElse("");
  }
}
