package dev.cistern.oci;

import java.util.regex.Pattern;

/** A name for a manifest that may point to another manifest later. */
public record Tag(String name) implements Reference {
  private static final Pattern FORMAT = Pattern.compile("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}");

  public Tag {
    if (!isTag(name)) {
      throw new OciException(
          ErrorCode.TAG_INVALID,
          "not a tag: " + Texts.shown(name),
          "a tag is 1 to 128 of the characters a-z A-Z 0-9 _ . - and starts with none of . and -");
    }
  }

  /** Returns whether {@code text} is well-formed as a tag. */
  public static boolean isTag(String text) {
    return FORMAT.matcher(text).matches();
  }

  @Override
  public String toString() {
    return name;
  }
}
