package dev.cistern.mirror.rules;

import java.util.List;
import java.util.regex.Pattern;

/**
 * An ImageDigestMirrorSet, ImageTagMirrorSet or ImageContentSourcePolicy: registries and
 * repositories, each with its mirrors.
 */
public record MirrorSet(Kind kind, List<Entry> entries) {
  /** More characters than a host and a repository name can have. */
  private static final int LONGEST = 1024;

  private static final String LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
  private static final String NAME = LABEL + "(?:\\." + LABEL + ")*";
  private static final String PLACE =
      NAME + "(?::[0-9]+)?(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*";
  private static final Pattern MIRROR = Pattern.compile(PLACE);
  private static final Pattern SOURCE = Pattern.compile("\\*(?:\\." + LABEL + ")+|" + PLACE);

  public MirrorSet {
    entries = List.copyOf(entries);
  }

  /** The kind of references that the mirrors of a set serve. */
  public enum Kind {
    /** Digests: ImageDigestMirrorSet and ImageContentSourcePolicy. */
    DIGEST,
    /** Tags: ImageTagMirrorSet. */
    TAG;

    /** Returns the pulls that mirrors of this kind serve. */
    public PullFrom pullFrom() {
      return this == DIGEST ? PullFrom.DIGEST_ONLY : PullFrom.TAG_ONLY;
    }
  }

  /**
   * A source and its mirrors, in the order in which they are tried.
   *
   * @param source {@code host[:port][/path]} or {@code *.host}; see {@link #isSource}
   * @param mirrors each {@code host[:port][/path]}; see {@link #isMirror}
   * @param neverContactsSource whether the source is not tried after the mirrors
   *     (mirrorSourcePolicy)
   */
  public record Entry(String source, List<String> mirrors, boolean neverContactsSource) {
    public Entry {
      mirrors = List.copyOf(mirrors);
    }
  }

  /**
   * Returns this set with sources that are never contacted, as for a site without internet access.
   */
  public MirrorSet neverContactingSources() {
    return new MirrorSet(
        kind, entries.stream().map(entry -> new Entry(entry.source, entry.mirrors, true)).toList());
  }

  /** Returns whether the API accepts {@code text} as a source. */
  public static boolean isSource(String text) {
    return text.length() <= LONGEST && SOURCE.matcher(text).matches();
  }

  /** Returns whether the API accepts {@code text} as a mirror. */
  public static boolean isMirror(String text) {
    return text.length() <= LONGEST && MIRROR.matcher(text).matches();
  }
}
