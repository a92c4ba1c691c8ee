package dev.cistern.oci;

/**
 * A formatter of untrusted texts for messages: short, and without characters that could mislead a
 * reader.
 */
public final class Texts {
  private static final int LONGEST = 200;

  private Texts() {}

  /**
   * Returns {@code text} in quotes, with control and non-ASCII characters escaped, cut at 200
   * characters.
   */
  public static String shown(String text) {
    return "\"" + cut(text) + "\"";
  }

  /**
   * Returns the same without quotes, for messages of other programs, which may repeat their own
   * input.
   */
  public static String cut(String text) {
    var shown = new StringBuilder();
    for (int i = 0; i < Math.min(text.length(), LONGEST); i++) {
      char c = text.charAt(i);
      if (c < ' ' || c > '~') {
        shown.append(String.format("\\u%04x", (int) c));
      } else {
        shown.append(c);
      }
    }
    return shown.append(text.length() > LONGEST ? "..." : "").toString();
  }
}
