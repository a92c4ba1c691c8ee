package dev.cistern.mirror;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * What the cache did for an answer, for the log, the metrics and the header Cache-Status (RFC
 * 9211).
 *
 * @param upstream the upstream that was asked or stands behind the answer
 * @param reason why, where it is not plain
 * @param fresh how long the answer may be given without asking again
 * @param isStored whether what was fetched for this answer is kept
 */
public record CacheStatus(
    Outcome outcome,
    Optional<String> upstream,
    Optional<String> reason,
    Optional<Duration> fresh,
    boolean isStored) {
  /** What can happen. */
  public enum Outcome {
    /** It was here. */
    HIT("hit"),
    /** It was here, and is given although an upstream should have been asked and could not be. */
    STALE("fwd=stale"),
    /** It was not here, and an upstream was asked for it. */
    MISS("fwd=uri-miss"),
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

  static final CacheStatus HIT =
      new CacheStatus(Outcome.HIT, Optional.empty(), Optional.empty(), Optional.empty(), false);

  /** It was fetched from {@code upstream} and is kept. */
  static CacheStatus miss(String upstream) {
    return new CacheStatus(
        Outcome.MISS, Optional.of(upstream), Optional.empty(), Optional.empty(), true);
  }

  /** {@code upstream} was asked, and nothing of its answer is kept. */
  static CacheStatus passed(String upstream) {
    return of(Outcome.MISS, upstream);
  }

  static CacheStatus of(Outcome outcome, String upstream) {
    return new CacheStatus(
        outcome, Optional.of(upstream), Optional.empty(), Optional.empty(), false);
  }

  /** Returns the same, with the reason for it. */
  CacheStatus because(String why) {
    return new CacheStatus(outcome, upstream, Optional.of(why), fresh, isStored);
  }

  /** Returns the same for what other sources did not give, each {@code NAME: REASON}. */
  CacheStatus after(List<String> others) {
    return others.isEmpty() ? this : because(String.join("; ", others));
  }

  /** Returns the same, good for {@code time}. */
  public CacheStatus freshFor(Duration time) {
    return new CacheStatus(outcome, upstream, reason, Optional.of(time), isStored);
  }

  /** Returns the value of a Cache-Status header. */
  public String header() {
    return "cistern; "
        + outcome.parameters
        + (isStored ? "; stored" : "")
        + fresh.map(time -> "; ttl=" + time.toSeconds()).orElse("")
        + reason
            .map(text -> "; detail=\"" + text.replaceAll("[^ -~]|[\"\\\\]", "'") + "\"")
            .orElse("");
  }
}
