package dev.cistern.oci;

import java.util.regex.Pattern;

/** A name for a manifest that may point elsewhere tomorrow. */
public record Tag(String name) implements Reference {
  private static final Pattern FORMAT = Pattern.compile("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}");

  public Tag {
    if (!FORMAT.matcher(name).matches()) {
      throw new OciException(
          ErrorCode.TAG_INVALID,
          "not a tag: " + Texts.shown(name),
          "a tag is 1 to 128 of the characters a-z A-Z 0-9 _ . - and starts with none of . and -");
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
