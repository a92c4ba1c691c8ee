package dev.cistern.oci;

/** The tag or digest that a manifest is requested by. */
public sealed interface Reference permits Tag, Digest {
  /** Parses a digest if {@code text} has a colon, which a tag cannot have; otherwise a tag. */
  static Reference parse(String text) {
    return text.contains(":") ? Digest.parse(text) : new Tag(text);
  }
}
