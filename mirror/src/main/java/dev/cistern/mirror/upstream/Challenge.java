package dev.cistern.mirror.upstream;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A challenge of a WWW-Authenticate header (RFC 9110 section 11.6.1): scheme and parameters. */
record Challenge(String scheme, Map<String, String> parameters) {
  private static final Pattern SCHEME = Pattern.compile("\\s*([A-Za-z][A-Za-z0-9-]*)\\s+");
  private static final Pattern PARAMETER =
      Pattern.compile(
          "\\s*+([A-Za-z_]++)\\s*+=\\s*+"
              + "(?:\"([^\"\\\\]*+(?:\\\\.[^\"\\\\]*+)*+)\"|([^\\s,\"]++))\\s*+,?");

  /**
   * Maximum length of a header, in characters. A longer one counts as empty; real ones are far
   * shorter.
   */
  private static final int LONGEST = 8 << 10;

  /** Returns the first challenge with one of the schemes, in the order of {@code schemes}. */
  static Optional<Challenge> choose(List<String> headers, String... schemes) {
    for (String scheme : schemes) {
      for (String header : headers) {
        Challenge challenge = parse(header);
        if (challenge.scheme.equals(scheme)) {
          return Optional.of(challenge);
        }
      }
    }
    return Optional.empty();
  }

  static Challenge parse(String header) {
    if (header.length() > LONGEST) {
      return new Challenge("", Map.of());
    }
    Matcher scheme = SCHEME.matcher(header);
    if (!scheme.lookingAt()) {
      return new Challenge(header.strip().toLowerCase(Locale.ROOT), Map.of());
    }
    var parameters = new LinkedHashMap<String, String>();
    Matcher parameter = PARAMETER.matcher(header).region(scheme.end(), header.length());
    while (parameter.lookingAt()) {
      String quoted = parameter.group(2);
      parameters.put(
          parameter.group(1).toLowerCase(Locale.ROOT),
          quoted == null ? parameter.group(3) : quoted.replaceAll("\\\\(.)", "$1"));
      parameter.region(parameter.end(), header.length());
    }
    return new Challenge(scheme.group(1).toLowerCase(Locale.ROOT), parameters);
  }
}
