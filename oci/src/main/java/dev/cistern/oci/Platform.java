package dev.cistern.oci;

import java.util.Arrays;

/**
 * The platform that an image runs on: {@code linux/arm64} or {@code linux/arm/v7}. Unspecified
 * parts are empty texts.
 */
public record Platform(String os, String architecture, String variant) {
  /**
   * Parses {@code OS/ARCHITECTURE[/VARIANT]}.
   *
   * @throws OciException if the text has another form
   */
  public static Platform parse(String text) {
    String[] parts = text.split("/", -1);
    boolean isWhole = Arrays.stream(parts).noneMatch(String::isEmpty);
    if (!isWhole || parts.length < 2 || parts.length > 3) {
      throw new OciException(
          ErrorCode.UNSUPPORTED,
          "not a platform: " + Texts.shown(text),
          "a platform is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/amd64");
    }
    return new Platform(parts[0], parts[1], parts.length == 3 ? parts[2] : "");
  }

  /**
   * Returns whether this platform matches {@code wanted}. Variants are compared only if both
   * platforms have one.
   */
  public boolean is(Platform wanted) {
    return os.equals(wanted.os)
        && architecture.equals(wanted.architecture)
        && (variant.isEmpty() || wanted.variant.isEmpty() || variant.equals(wanted.variant));
  }

  @Override
  public String toString() {
    String base = os + "/" + architecture;
    return variant.isEmpty() ? base : base + "/" + variant;
  }
}
