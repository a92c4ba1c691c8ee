package dev.cistern.mirror.upstream;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The rate limit that an upstream last reported, in the headers that Docker Hub sends: {@code
 * ratelimit-limit: 100;w=21600} and {@code ratelimit-remaining: 76;w=21600}.
 *
 * @param limit requests per window
 * @param remaining requests that are left in the window
 * @param window the length of a window, if the upstream reported it
 * @param when the time of the report
 */
public record RateLimit(long limit, long remaining, Optional<Duration> window, Instant when) {
  private static final Pattern VALUE =
      Pattern.compile("\\s*(\\d{1,18})\\s*(?:[,;].*)?", Pattern.DOTALL);
  private static final Pattern WINDOW = Pattern.compile(";\\s*w=(\\d{1,9})");

  /** Parses the two headers; empty if one of them is malformed. */
  static Optional<RateLimit> parse(String limit, String remaining, Instant when) {
    Matcher most = VALUE.matcher(limit);
    Matcher left = VALUE.matcher(remaining);
    if (!most.matches() || !left.matches()) {
      return Optional.empty();
    }
    Matcher window = WINDOW.matcher(limit);
    Optional<Duration> length =
        window.find()
            ? Optional.of(Duration.ofSeconds(Long.parseLong(window.group(1))))
            : Optional.empty();
    return Optional.of(
        new RateLimit(Long.parseLong(most.group(1)), Long.parseLong(left.group(1)), length, when));
  }
}
