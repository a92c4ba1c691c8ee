package dev.cistern.storage;

import java.util.Locale;

/** Where content came from, which decides what may be done to it. */
public enum Origin {
  /**
   * A client pushed it: precious, durable before it is acknowledged, never replaced by an
   * upstream's.
   */
  PUSHED(0),
  /** It was fetched from an upstream and can be fetched again. */
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
