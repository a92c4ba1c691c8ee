package dev.cistern.oci;

/** What a manifest is asked for by. */
public sealed interface Reference permits Tag, Digest {
  /** Parses a digest if {@code text} has a colon, which no tag may have; otherwise a tag. */
  static Reference parse(String text) {
    return text.contains(":") ? Digest.parse(text) : new Tag(text);
  }
}
