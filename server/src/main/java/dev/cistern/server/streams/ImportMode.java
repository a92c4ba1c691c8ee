package dev.cistern.server.streams;

import java.util.Optional;

/** The mode in which an index is imported. */
public enum ImportMode {
  /** One image of the index. */
  LEGACY("Legacy"),
  /** The index with all its images. */
  PRESERVE_ORIGINAL("PreserveOriginal");

  private final String word;

  ImportMode(String word) {
    this.word = word;
  }

  /** Returns the value of this mode in objects. */
  public String word() {
    return word;
  }

  /**
   * Returns the mode with this value. An empty value means {@link #LEGACY}; an unknown value gives
   * an empty result.
   */
  public static Optional<ImportMode> of(String word) {
    return switch (word) {
      case "", "Legacy" -> Optional.of(LEGACY);
      case "PreserveOriginal" -> Optional.of(PRESERVE_ORIGINAL);
      default -> Optional.empty();
    };
  }
}
