package dev.cistern.storage;

import java.util.Locale;

/** The origin of content. It decides what may be done with the content. */
public enum Origin {
  /**
   * Content that a client pushed. It is durable before it is acknowledged, never evicted, and never
   * replaced by content of an upstream.
   */
  PUSHED(0),
  /** Content that was fetched from an upstream and can be fetched again. */
  CACHED(1);

  private final int code;

  Origin(int code) {
    this.code = code;
  }

  /** Returns the name in reports, such as {@code pushed}. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  int code() {
    return code;
  }

  static Origin ofCode(int code) {
    return switch (code) {
      case 0 -> PUSHED;
      case 1 -> CACHED;
      default -> throw new IllegalArgumentException("no origin has the code " + code);
    };
  }
}
