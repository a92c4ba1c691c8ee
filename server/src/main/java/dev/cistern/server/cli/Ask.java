package dev.cistern.server.cli;

import java.time.Duration;
import tools.jackson.databind.JsonNode;

/**
 * A request to a server.
 *
 * @param accept the accepted media types
 * @param mediaType the media type of the body
 * @param body the body; empty for none
 * @param patience the maximum time between two reads of the response; zero for no limit
 */
record Ask(
    String method, String path, String accept, String mediaType, String body, Duration patience) {
  private static final String JSON = "application/json";
  private static final Duration USUAL = Duration.ofMinutes(1);

  /** Returns a GET request. */
  static Ask get(String path) {
    return new Ask("GET", path, JSON, "", "", USUAL);
  }

  /** Returns a request with a JSON body. */
  static Ask send(String method, String path, JsonNode body) {
    return new Ask(method, path, JSON, JSON, body.toString(), USUAL);
  }

  /** Returns a request with a form as its body. */
  static Ask form(String path, String body) {
    return new Ask("POST", path, JSON, "application/x-www-form-urlencoded", body, USUAL);
  }

  Ask accepting(String types) {
    return new Ask(method, path, types, mediaType, body, patience);
  }

  Ask patient(Duration other) {
    return new Ask(method, path, accept, mediaType, body, other);
  }
}
