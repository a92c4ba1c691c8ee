package dev.cistern.server.registry;

import dev.cistern.mirror.Wanted;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The Range header (RFC 9110 section 14): the requested bytes of content of known length. An
 * invalid header is ignored, as the RFC demands. A header whose ranges are all outside the content
 * is an error.
 */
final class ByteRanges {
  private static final int MOST_RANGES = 32;
  private static final int MOST_DIGITS = 18;
  private static final String UNIT = "bytes=";
  private static final long ABSENT = -1;
  private static final long NONSENSE = -2;

  private ByteRanges() {}

  /**
   * A range.
   *
   * @param from its first byte
   * @param count its number of bytes
   */
  record Range(long from, long count) {
    String contentRange(long size) {
      return "bytes " + from + "-" + (from + count - 1) + "/" + size;
    }
  }

  /**
   * Returns the requested ranges, or an empty list for the whole content.
   *
   * @throws OciException with status 416 if no range contains a byte of the content, or there are
   *     more than 32 ranges
   */
  static List<Range> parse(String header, long size) {
    if (!header.startsWith(UNIT)) {
      return List.of();
    }
    var ranges = new ArrayList<Range>(1);
    int count = 0;
    for (int at = UNIT.length(); at <= header.length(); ) {
      if (++count > MOST_RANGES) {
        throw unsatisfiable("more than " + MOST_RANGES + " ranges");
      }
      int comma = header.indexOf(',', at);
      int end = comma < 0 ? header.length() : comma;
      Range range = range(header.substring(at, end).strip(), size);
      if (range == null) {
        return List.of();
      }
      if (range.count > 0) {
        ranges.add(range);
      }
      at = end + 1;
    }
    if (ranges.size() > 1 && ranges.stream().mapToLong(Range::count).sum() > size) {
      return List.of(); // more than the whole, therefore the whole (RFC 9110 section 17.15)
    }
    if (ranges.isEmpty()) {
      throw unsatisfiable("the content has " + size + " bytes");
    }
    return ranges;
  }

  /**
   * Returns the range of a header with a single range. Returns the whole for several ranges, and
   * for a header that is ignored.
   *
   * @param size supplies the length of the content, only for {@code bytes=-N}; -1 if it is not
   *     known
   */
  static Wanted wanted(String header, LongSupplier size) {
    int dash = header.indexOf('-');
    if (!header.startsWith(UNIT) || dash < 0 || header.indexOf(',') >= 0) {
      return Wanted.ALL;
    }
    long from = number(header, UNIT.length(), dash);
    long to = number(header, dash + 1, header.length());
    if (from == ABSENT && to > 0) {
      long all = size.getAsLong();
      return all < 0
          ? Wanted.ALL
          : new Wanted(Math.max(0, all - to), OptionalLong.of(Math.max(0, all - 1)));
    }
    if (from < 0 || to == NONSENSE || (to >= 0 && from > to)) {
      return Wanted.ALL;
    }
    return new Wanted(from, to == ABSENT ? OptionalLong.empty() : OptionalLong.of(to));
  }

  /**
   * Parses {@code FROM-TO}. Returns an empty range if it is outside the content, or null if it is
   * invalid.
   */
  private static @Nullable Range range(String text, long size) {
    int dash = text.indexOf('-');
    if (dash < 0 || text.length() == 1) {
      return null;
    }
    long from = number(text, 0, dash);
    long to = number(text, dash + 1, text.length());
    if (from == NONSENSE || to == NONSENSE || (from >= 0 && to >= 0 && from > to)) {
      return null;
    }
    long first = from == ABSENT ? Math.max(0, size - to) : from;
    long last = from == ABSENT || to == ABSENT ? size - 1 : Math.min(size - 1, to);
    return new Range(first, Math.max(0, last - first + 1));
  }

  private static long number(String text, int from, int to) {
    if (from == to) {
      return ABSENT;
    }
    if (to - from > MOST_DIGITS) {
      return NONSENSE;
    }
    long number = 0;
    for (int i = from; i < to; i++) {
      int digit = text.charAt(i) - '0';
      if (digit < 0 || digit > 9) {
        return NONSENSE;
      }
      number = number * 10 + digit;
    }
    return number;
  }

  private static OciException unsatisfiable(String why) {
    return new OciException(
        ErrorCode.RANGE_INVALID,
        "the range cannot be satisfied: " + why,
        "ask for bytes within it");
  }
}
