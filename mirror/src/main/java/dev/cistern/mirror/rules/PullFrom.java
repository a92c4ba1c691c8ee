package dev.cistern.mirror.rules;

import dev.cistern.oci.Reference;
import dev.cistern.oci.Tag;
import java.util.Optional;

/** Which pulls a mirror serves: {@code pull-from-mirror} of registries.conf, version 2. */
public enum PullFrom {
  ALL("all"),
  DIGEST_ONLY("digest-only"),
  TAG_ONLY("tag-only");

  private final String text;

  PullFrom(String text) {
    this.text = text;
  }

  /** Returns what registries.conf calls it, if it is one of the three. */
  public static Optional<PullFrom> of(String text) {
    for (PullFrom one : values()) {
      if (one.text.equals(text)) {
        return Optional.of(one);
      }
    }
    return Optional.empty();
  }

  /** Says whether {@code reference} may be asked for. */
  public boolean serves(Reference reference) {
    return switch (this) {
      case ALL -> true;
      case DIGEST_ONLY -> !(reference instanceof Tag);
      case TAG_ONLY -> reference instanceof Tag;
    };
  }

  /** Returns what is served by both; empty for nothing. */
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
