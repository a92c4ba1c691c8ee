package dev.cistern.server.streams;

import java.math.BigInteger;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The order of tags by importance: {@code latest}, minor versions, full versions, then all others.
 * Versions are in descending order (Semantic Versioning 2.0.0, section 11), the others in
 * alphabetical order.
 */
public final class TagOrder {
  private static final String NUMBER = "(0|[1-9]\\d*)";
  private static final Pattern VERSION =
      Pattern.compile(
          "(v?)" + NUMBER + "\\." + NUMBER + "(?:\\." + NUMBER + ")?(?:-([0-9A-Za-z.-]+))?");
  private static final Pattern DIGITS = Pattern.compile("\\d+");

  private static final Comparator<Version> UP =
      Comparator.comparing(Version::major)
          .thenComparing(Version::minor)
          .thenComparing(Version::patch)
          .thenComparing(Version::before, TagOrder::compareBefore);

  private static final Comparator<Key> ORDER =
      Comparator.comparingInt(Key::kind)
          .thenComparing(Key::version, UP.reversed())
          .thenComparing(Key::tag);

  private TagOrder() {}

  /**
   * A version.
   *
   * @param before the pre-release identifiers; "" for a release
   */
  private record Version(BigInteger major, BigInteger minor, BigInteger patch, String before) {
    static final Version NONE = new Version(BigInteger.ZERO, BigInteger.ZERO, BigInteger.ZERO, "");
  }

  /** Sort key of a tag. */
  private record Key(int kind, Version version, String tag) {
    static Key of(String tag) {
      if (tag.equals(ImageStream.LATEST)) {
        return new Key(0, Version.NONE, tag);
      }
      Matcher parts = VERSION.matcher(tag);
      if (!parts.matches()) {
        return new Key(3, Version.NONE, tag);
      }
      @Nullable String patch = parts.group(4);
      @Nullable String before = parts.group(5);
      var version =
          new Version(
              new BigInteger(parts.group(2)),
              new BigInteger(parts.group(3)),
              patch == null ? BigInteger.ZERO : new BigInteger(patch),
              before == null ? "" : before);
      return new Key(patch == null ? 1 : 2, version, tag);
    }
  }

  /** Returns tags in this order. */
  public static List<String> sorted(Collection<String> tags) {
    return tags.stream().map(Key::of).sorted(ORDER).map(Key::tag).toList();
  }

  /**
   * Compares pre-release identifiers. An empty text is the release, which is higher than its
   * pre-releases.
   */
  private static int compareBefore(String one, String other) {
    if (one.isEmpty() || other.isEmpty()) {
      return Boolean.compare(one.isEmpty(), other.isEmpty());
    }
    String[] ones = one.split("\\.", -1);
    String[] others = other.split("\\.", -1);
    for (int i = 0; i < Math.min(ones.length, others.length); i++) {
      int order = comparePart(ones[i], others[i]);
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(ones.length, others.length);
  }

  private static int comparePart(String one, String other) {
    boolean isNumber = DIGITS.matcher(one).matches();
    boolean isOtherNumber = DIGITS.matcher(other).matches();
    if (isNumber && isOtherNumber) {
      return new BigInteger(one).compareTo(new BigInteger(other));
    }
    return isNumber == isOtherNumber
        ? one.compareTo(other)
        : Boolean.compare(isOtherNumber, isNumber);
  }
}
