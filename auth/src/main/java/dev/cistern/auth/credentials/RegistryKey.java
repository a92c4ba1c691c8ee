package dev.cistern.auth.credentials;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/**
 * The key of an entry: the registries and repositories that the entry serves.
 *
 * @param host {@code host[:port]} in lower case, as written
 * @param path the leading path components of the repositories; "" for all repositories
 * @param isLiteral whether the key is {@code host[:port][/path]}, and not a URL or an API path, of
 *     which a part was cut
 */
record RegistryKey(String host, String path, boolean isLiteral) {
  private static final String HUB = "docker.io";
  private static final Set<String> NAMES_OF_HUB =
      Set.of(HUB, "index.docker.io", "registry-1.docker.io");
  private static final Set<String> API_PATHS = Set.of("v1", "v2");

  /**
   * Reads a key; scheme and path of a URL are cut.
   *
   * @throws CredentialsException if the key is invalid; the message does not contain the key
   */
  static RegistryKey parse(String key) {
    String text = key.strip().toLowerCase(Locale.ROOT);
    int scheme = text.indexOf("://");
    String rest = scheme < 0 ? text : text.substring(scheme + 3);
    int slash = rest.indexOf('/');
    String host = slash < 0 ? rest : rest.substring(0, slash);
    String path = slash < 0 ? "" : trimmed(rest.substring(slash));
    if (host.isEmpty()) {
      throw new CredentialsException("the key has no host; HOST[:PORT][/PATH] is expected");
    }
    if (host.indexOf('@') >= 0) {
      throw new CredentialsException(
          "the key has user information; HOST[:PORT][/PATH] is expected");
    }
    boolean isCut = scheme >= 0 || API_PATHS.contains(path);
    if (path.indexOf('*') >= 0 || port(host).indexOf('*') >= 0) {
      throw new CredentialsException(
          "a wildcard stands for one label of the host; none may be in the port or the path");
    }
    return new RegistryKey(host, isCut ? "" : path, !isCut);
  }

  private static String trimmed(String path) {
    int from = 0;
    int to = path.length();
    while (from < to && path.charAt(from) == '/') {
      from++;
    }
    while (to > from && path.charAt(to - 1) == '/') {
      to--;
    }
    return path.substring(from, to);
  }

  /** Returns a key for messages, on one line and without a possible password. */
  static String redacted(String key) {
    String line = key.replaceAll("\\p{Cntrl}", "?");
    int at = line.lastIndexOf('@');
    return at < 0 ? line : "***" + line.substring(at);
  }

  /** Returns the common name of Docker Hub for each of its names, and any other host as it is. */
  static String canonical(String host) {
    return NAMES_OF_HUB.contains(host) ? HUB : host;
  }

  /**
   * Returns the names under which a host is looked up, in order: with the default port, and as it
   * is.
   */
  static List<String> hosts(String host, boolean isHttp) {
    return port(host).isEmpty() ? List.of(host + (isHttp ? ":80" : ":443"), host) : List.of(host);
  }

  /** Returns the key as written. */
  String literal() {
    return joined(host, path);
  }

  /** Returns the key as written, with one name for Docker Hub. */
  String normalised() {
    return joined(canonical(host), path);
  }

  /** Returns {@code host/path}, or the host alone. */
  static String joined(String host, String path) {
    return path.isEmpty() ? host : host + "/" + path;
  }

  boolean isWildcard() {
    return host.indexOf('*') >= 0;
  }

  /**
   * Returns whether a key with wildcards serves a repository. Each label of the host must match the
   * label of the key, and the port and the first components of the path must be equal.
   */
  boolean covers(String otherHost, String repository) {
    boolean isBelow =
        path.isEmpty() || repository.equals(path) || repository.startsWith(path + "/");
    String[] labels = name(host).split("\\.", -1);
    String[] others = name(otherHost).split("\\.", -1);
    boolean isAlike = port(host).equals(port(otherHost)) && labels.length == others.length;
    for (int i = 0; isAlike && i < labels.length; i++) {
      isAlike = fits(labels[i], others[i]);
    }
    return isAlike && isBelow;
  }

  private static int endOfName(String host) {
    int colon = host.lastIndexOf(':');
    return colon > host.lastIndexOf(']') ? colon : host.length();
  }

  private static String name(String host) {
    return host.substring(0, endOfName(host));
  }

  private static String port(String host) {
    return host.substring(endOfName(host));
  }

  /** Matches a label; each star stands for any text. Backtracks to the last star only. */
  private static boolean fits(String pattern, String label) {
    int at = 0;
    int p = 0;
    Optional<Integer> afterStar = Optional.empty();
    int taken = 0;
    while (at < label.length()) {
      if (p < pattern.length() && pattern.charAt(p) == '*') {
        afterStar = Optional.of(++p);
        taken = at;
      } else if (p < pattern.length() && pattern.charAt(p) == label.charAt(at)) {
        p++;
        at++;
      } else if (afterStar.isPresent()) {
        p = afterStar.get();
        at = ++taken;
      } else {
        return false;
      }
    }
    while (p < pattern.length() && pattern.charAt(p) == '*') {
      p++;
    }
    return p == pattern.length();
  }
}
