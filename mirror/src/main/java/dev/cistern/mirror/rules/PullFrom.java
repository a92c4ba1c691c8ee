package dev.cistern.mirror.rules;

import dev.cistern.oci.Reference;
import dev.cistern.oci.Tag;
import java.util.Optional;

/** The pulls that a mirror serves: {@code pull-from-mirror} of registries.conf, version 2. */
public enum PullFrom {
  ALL("all"),
  DIGEST_ONLY("digest-only"),
  TAG_ONLY("tag-only");

  private final String text;

  PullFrom(String text) {
    this.text = text;
  }

  /**
   * Returns the constant for a value of registries.conf; empty if the value is not one of the
   * three.
   */
  public static Optional<PullFrom> of(String text) {
    for (PullFrom one : values()) {
      if (one.text.equals(text)) {
        return Optional.of(one);
      }
    }
    return Optional.empty();
  }

  /** Returns whether {@code reference} may be requested. */
  public boolean serves(Reference reference) {
    return switch (this) {
      case ALL -> true;
      case DIGEST_ONLY -> !(reference instanceof Tag);
      case TAG_ONLY -> reference instanceof Tag;
    };
  }

  /** Returns the pulls that both serve; empty if there are none. */
  Optional<PullFrom> and(PullFrom other) {
    if (this == ALL || this == other) {
      return Optional.of(other);
    }
    return other == ALL ? Optional.of(this) : Optional.empty();
  }

  @Override
  public String toString() {
    return text;
  }
}
