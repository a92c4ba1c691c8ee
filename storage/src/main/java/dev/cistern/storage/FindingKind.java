package dev.cistern.storage;

import java.util.Arrays;
import java.util.Locale;

/** A kind of finding of a check of the store. The words are part of the format of the index. */
public enum FindingKind {
  /** A blob whose file is missing. */
  MISSING_CONTENT,
  /** A blob whose file has another length than its fact. */
  WRONG_SIZE,
  /** Content whose bytes have another digest, or cannot be read. */
  WRONG_DIGEST,
  /** A file beside the blobs that no fact names. */
  UNKNOWN_CONTENT,
  /** Content that a pushed manifest names and its repository does not have. */
  MISSING_CHILD,
  /** A tag that points at a manifest its repository does not have. */
  DANGLING_TAG,
  /** A link to content that is not stored. */
  DANGLING_LINK,
  /** A referrer whose manifest its repository does not have. */
  DANGLING_REFERRER,
  /** An object or a fact that cannot be read. */
  UNREADABLE_OBJECT,
  /** An upload or a download of which the fact or the file is missing, or that has expired. */
  STALE_UPLOAD,
  /** A sum that differs from what it is the sum of. */
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
