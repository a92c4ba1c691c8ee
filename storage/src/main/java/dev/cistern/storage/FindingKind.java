package dev.cistern.storage;

import java.util.Arrays;
import java.util.Locale;

/**
 * Kind of problem that a check of the store finds. The words are part of the format of the index.
 */
public enum FindingKind {
  /** A blob whose file is missing. */
  MISSING_CONTENT,
  /** A blob whose file has a length that differs from its fact. */
  WRONG_SIZE,
  /** Content that does not match its digest, or cannot be read. */
  WRONG_DIGEST,
  /** A file among the blobs that has no fact. */
  UNKNOWN_CONTENT,
  /** Content that a pushed manifest references and its repository does not have. */
  MISSING_CHILD,
  /** A tag that points to a manifest that its repository does not have. */
  DANGLING_TAG,
  /** A link to content that is not stored. */
  DANGLING_LINK,
  /** A listed referrer that its repository does not have. */
  DANGLING_REFERRER,
  /** An object or a fact that cannot be read. */
  UNREADABLE_OBJECT,
  /** An upload or download that received no data for more than a day, or a leftover file of one. */
  STALE_UPLOAD,
  /** A stored sum that differs from the sum of its parts. */
  WRONG_SUM,
  /** A stored time more than 5 minutes in the future. */
  FUTURE_TIME;

  private final String word = name().toLowerCase(Locale.ROOT).replace('_', '-');

  static FindingKind ofWord(String word) {
    return Arrays.stream(values())
        .filter(kind -> kind.word.equals(word))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no finding is called " + word));
  }

  /** Returns the name in reports, such as {@code missing-content}. */
  public String word() {
    return word;
  }
}
