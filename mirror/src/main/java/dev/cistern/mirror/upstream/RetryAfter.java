package dev.cistern.mirror.upstream;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A parser of the header Retry-After (RFC 9110 section 10.2.3), in seconds or as a date. The delay
 * is limited to between zero and one day for any header, so that computations with it cannot
 * overflow.
 */
final class RetryAfter {
  static final Duration MAX = Duration.ofDays(1);

  private static final Pattern SECONDS = Pattern.compile("\\d+");
  private static final int MAX_DIGITS = 9;

  private RetryAfter() {}

  /** Returns the delay from {@code now}; empty if the header is neither seconds nor a date. */
  static Optional<Duration> parse(String header, Instant now) {
    String text = header.strip();
    if (SECONDS.matcher(text).matches()) {
      String digits = text.replaceFirst("^0+(?=\\d)", "");
      return Optional.of(
          digits.length() > MAX_DIGITS ? MAX : bounded(Duration.ofSeconds(Long.parseLong(digits))));
    }
    try {
      Instant date = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      return Optional.of(bounded(Duration.between(now, date)));
    } catch (DateTimeException notADate) {
      return Optional.empty();
    }
  }

  private static Duration bounded(Duration delay) {
    if (delay.isNegative()) {
      return Duration.ZERO;
    }
    return delay.compareTo(MAX) > 0 ? MAX : delay;
  }
}
