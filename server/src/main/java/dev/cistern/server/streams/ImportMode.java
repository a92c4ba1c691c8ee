package dev.cistern.server.streams;

import java.util.Optional;

/** What an import makes of an index. */
public enum ImportMode {
  /** One of its images. */
  LEGACY("Legacy"),
  /** The index, with all its images. */
  PRESERVE_ORIGINAL("PreserveOriginal");

  private final String word;

  ImportMode(String word) {
    this.word = word;
  }

  /** Returns it as objects have it. */
  public String word() {
    return word;
  }

  /** Returns the mode of that word; none is the first. Empty if it is none. */
  public static Optional<ImportMode> of(String word) {
    return switch (word) {
      case "", "Legacy" -> Optional.of(LEGACY);
      case "PreserveOriginal" -> Optional.of(PRESERVE_ORIGINAL);
      default -> Optional.empty();
    };
  }
}
