package dev.cistern.server.cli.objects;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations in the syntax of {@code oc}, such as {@code 1h30m}. */
public final class GoDuration {
  private static final Pattern PART = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?)(h|ms|m|s)");
  private static final Pattern WHOLE = Pattern.compile("0|-?(?:" + PART.pattern() + ")+");

  private GoDuration() {}

  /**
   * Parses a duration, which may be negative.
   *
   * @throws ObjectException if it is invalid
   */
  public static Duration parse(String text) {
    if (!WHOLE.matcher(text).matches()) {
      throw new ObjectException("a time such as 60m, 1h30m or 0 is expected, not " + text);
    }
    BigDecimal millis = BigDecimal.ZERO;
    Matcher parts = PART.matcher(text);
    while (parts.find()) {
      BigDecimal unit = BigDecimal.valueOf(millis(parts.group(2)));
      millis = millis.add(new BigDecimal(parts.group(1)).multiply(unit));
    }
    long rounded = millis.setScale(0, RoundingMode.HALF_UP).longValueExact();
    return Duration.ofMillis(text.startsWith("-") ? -rounded : rounded);
  }

  private static long millis(String unit) {
    return switch (unit) {
      case "h" -> 3_600_000;
      case "m" -> 60_000;
      case "s" -> 1000;
      default -> 1;
    };
  }
}
