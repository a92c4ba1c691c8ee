package dev.cistern.oci;

/**
 * How a text from outside appears in a message: short, and without characters that could fool a
 * reader.
 */
public final class Texts {
  private static final int LONGEST = 200;

  private Texts() {}

  /**
   * Returns {@code text} in quotes, control and non-ASCII characters escaped, cut at 200
   * characters.
   */
  public static String shown(String text) {
    return "\"" + cut(text) + "\"";
  }

  /**
   * Returns the same without quotes: for what others say, which may repeat what they were given.
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
