package dev.cistern.server.registry;

import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The Range header (RFC 9110 section 14): which bytes of a content of known length are wanted. A
 * header that is not understood is ignored, as the RFC demands; one that asks for nothing that is
 * there is an error.
 */
final class ByteRanges {
  private static final int MOST_RANGES = 32;
  private static final Pattern RANGE = Pattern.compile("(\\d{0,18})-(\\d{0,18})");

  private ByteRanges() {}

  /** A part: its first byte and how many. */
  record Range(long from, long count) {
    String contentRange(long size) {
      return "bytes " + from + "-" + (from + count - 1) + "/" + size;
    }
  }

  /**
   * Returns the wanted parts, none for the whole.
   *
   * @throws OciException with status 416, if there is no byte in any
   */
  static List<Range> parse(String header, long size) {
    if (!header.startsWith("bytes=")) {
      return List.of();
    }
    String[] texts = header.substring("bytes=".length()).split(",", -1);
    if (texts.length > MOST_RANGES) {
      throw unsatisfiable("more than " + MOST_RANGES + " ranges");
    }
    var ranges = new ArrayList<Range>();
    for (String text : texts) {
      Matcher matcher = RANGE.matcher(text.strip());
      if (!matcher.matches() || text.strip().equals("-")) {
        return List.of();
      }
      long from = first(matcher.group(1), matcher.group(2), size);
      long last = last(matcher.group(1), matcher.group(2), size);
      if (!matcher.group(1).isEmpty() && !matcher.group(2).isEmpty() && isReversed(matcher)) {
        return List.of();
      }
      if (from <= last && from < size) {
        ranges.add(new Range(from, last - from + 1));
      }
    }
    if (ranges.size() > 1 && ranges.stream().mapToLong(Range::count).sum() > size) {
      return List.of(); // more than the whole, so the whole (RFC 9110 section 17.15)
    }
    if (ranges.isEmpty()) {
      throw unsatisfiable("the content has " + size + " bytes");
    }
    return ranges;
  }

  private static boolean isReversed(Matcher matcher) {
    return Long.parseLong(matcher.group(1)) > Long.parseLong(matcher.group(2));
  }

  private static long first(String from, String to, long size) {
    return from.isEmpty() ? Math.max(0, size - Long.parseLong(to)) : Long.parseLong(from);
  }

  private static long last(String from, String to, long size) {
    return from.isEmpty() || to.isEmpty() ? size - 1 : Math.min(size - 1, Long.parseLong(to));
  }

  private static OciException unsatisfiable(String why) {
    return new OciException(
        ErrorCode.RANGE_INVALID,
        "the range cannot be satisfied: " + why,
        "ask for bytes within it");
  }
}
