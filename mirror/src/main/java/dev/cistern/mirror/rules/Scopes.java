package dev.cistern.mirror.rules;

import dev.cistern.oci.Texts;

/**
 * Operations on scopes of registries.conf: {@code host[:port][/path]}, or {@code *.host} for all
 * hosts below one.
 */
final class Scopes {
  private static final String WILDCARD = "*.";

  private Scopes() {}

  static boolean isWildcard(String scope) {
    return scope.startsWith(WILDCARD);
  }

  /** Returns whether {@code inner} is {@code outer}, a path in it, or a host below its wildcard. */
  static boolean isNested(String inner, String outer) {
    return inner.equals(outer)
        || inner.startsWith(outer + "/")
        || (isWildcard(outer) && hostName(inner).endsWith(outer.substring(1)));
  }

  /**
   * Returns the part of {@code inner} after {@code outer}, in which it is nested: a path or
   * nothing.
   */
  static String rest(String inner, String outer) {
    if (!isWildcard(outer)) {
      return inner.substring(outer.length());
    }
    int slash = inner.indexOf('/');
    return slash < 0 ? "" : inner.substring(slash);
  }

  /** Returns the host without its port. */
  static String hostName(String scope) {
    return scope.substring(0, hostNameEnd(scope));
  }

  /**
   * Returns the index at which the host's name ends: at its port, a path, a digest, or the text's
   * end.
   */
  static int hostNameEnd(String scope) {
    int end = 0;
    while (end < scope.length() && !isBoundary(scope.charAt(end))) {
      end++;
    }
    return end;
  }

  /** Returns {@code host[:port]}. */
  static String host(String scope) {
    int slash = scope.indexOf('/');
    return slash < 0 ? scope : scope.substring(0, slash);
  }

  /** Returns whether a scope may end before {@code c}. */
  static boolean isBoundary(char c) {
    return c == '/' || c == ':' || c == '@';
  }

  static String withoutTrailingSlashes(String scope) {
    int end = scope.length();
    while (end > 0 && scope.charAt(end - 1) == '/') {
      end--;
    }
    return scope.substring(0, end);
  }

  /**
   * Validates a scope, which may end in slashes, and returns it without them.
   *
   * @param field the field that has the value, for messages
   * @throws RulesException if the scope is empty, has a scheme, or has a wildcard anywhere but in
   *     front of a bare host
   */
  static String checked(String field, String text) {
    String scope = withoutTrailingSlashes(text);
    if (text.contains("://")) {
      throw new RulesException(
          field + ": " + Texts.shown(text) + " has a scheme: write host[:port][/path] without it");
    }
    if (scope.isEmpty()) {
      throw new RulesException(field + ": it is empty: write host[:port][/path]");
    }
    if (scope.indexOf('*') >= 0 && !isHostsBelowOne(scope)) {
      throw new RulesException(
          field
              + ": "
              + Texts.shown(text)
              + " is no wildcard: write *.host, without port and path, for all hosts below one");
    }
    return scope;
  }

  private static boolean isHostsBelowOne(String scope) {
    return isWildcard(scope)
        && scope.length() > WILDCARD.length()
        && hostNameEnd(scope) == scope.length()
        && scope.lastIndexOf('*') == 0;
  }
}
