package dev.cistern.mirror;

import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How the cache handled a request, for the log, the metrics and the Cache-Status header (RFC 9211).
 *
 * @param upstream the upstream that was asked, or that the content comes from
 * @param reason the explanation, where the outcome alone is not clear
 * @param fresh how long the answer may be served without asking the upstream again
 * @param isStored whether content that was fetched for this answer is stored
 */
public record CacheStatus(
    Outcome outcome,
    Optional<String> upstream,
    Optional<String> reason,
    Optional<Duration> fresh,
    boolean isStored) {
  /** Ways to handle a request. */
  public enum Outcome {
    /** The content was served from the cache. */
    HIT("hit"),
    /**
     * The content was served from the cache without a current answer of an upstream, although one
     * was due.
     */
    STALE("fwd=stale"),
    /** An upstream was asked for the content. */
    MISS("fwd=uri-miss"),
    /** The content came from a fetch that was already in progress. */
    JOINED("fwd=uri-miss; collapsed");

    private final String parameters;

    Outcome(String parameters) {
      this.parameters = parameters;
    }

    /** Returns the word for the log and the metrics. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  static final CacheStatus HIT =
      new CacheStatus(Outcome.HIT, Optional.empty(), Optional.empty(), Optional.empty(), false);

  /** Returns the status of content that was fetched from {@code upstream} and stored. */
  static CacheStatus miss(String upstream) {
    return new CacheStatus(
        Outcome.MISS, Optional.of(upstream), Optional.empty(), Optional.empty(), true);
  }

  /** Returns the status of an answer of {@code upstream} of which nothing is stored. */
  static CacheStatus passed(String upstream) {
    return of(Outcome.MISS, upstream);
  }

  static CacheStatus of(Outcome outcome, String upstream) {
    return new CacheStatus(
        outcome, Optional.of(upstream), Optional.empty(), Optional.empty(), false);
  }

  /** Returns a copy with a reason. */
  CacheStatus because(String why) {
    return new CacheStatus(outcome, upstream, Optional.of(why), fresh, isStored);
  }

  /** Returns a copy with the answers of other sources as the reason, each {@code NAME: REASON}. */
  CacheStatus after(List<String> others) {
    return others.isEmpty() ? this : because(String.join("; ", others));
  }

  /** Returns a copy for an answer that may be served for {@code time} without asking again. */
  public CacheStatus freshFor(Duration time) {
    return new CacheStatus(outcome, upstream, reason, Optional.of(time), isStored);
  }

  /** Returns the value of the Cache-Status header. */
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
