package dev.cistern.conformance;

import java.net.URI;
import java.util.Map;
import java.util.Optional;

/**
 * A request as it came to a scripted upstream.
 *
 * @param headers by their names in lower case
 */
record Received(String method, String target, Map<String, String> headers) {
  String path() {
    return URI.create(target).getPath();
  }

  Optional<String> header(String lowerCaseName) {
    return Optional.ofNullable(headers.get(lowerCaseName));
  }

  /** Says whether it is a {@code method} request whose target contains {@code part}. */
  boolean is(String wantedMethod, String part) {
    return method.equals(wantedMethod) && target.contains(part);
  }
}
