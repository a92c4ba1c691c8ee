package dev.cistern.mirror.rules;

import java.util.List;
import java.util.stream.Collectors;

/** A formatter of TOML values. */
final class Toml {
  private Toml() {}

  /** Returns {@code text} as a basic string. */
  static String quoted(String text) {
    var quoted = new StringBuilder("\"");
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else if (c < ' ' || c == '\u007f') {
        quoted.append(String.format("\\u%04x", (int) c));
      } else {
        quoted.append(c);
      }
    }
    return quoted.append('"').toString();
  }

  /** Returns {@code texts} as an array on one line. */
  static String array(List<String> texts) {
    return texts.stream().map(Toml::quoted).collect(Collectors.joining(", ", "[", "]"));
  }
}
