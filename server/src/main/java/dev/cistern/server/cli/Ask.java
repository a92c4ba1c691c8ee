package dev.cistern.server.cli;

import java.time.Duration;
import tools.jackson.databind.JsonNode;

/**
 * What is asked of a server.
 *
 * @param accept the media types that are wanted; empty for JSON
 * @param mediaType of the body
 * @param body empty for none
 * @param patience how long the server may be silent; zero for ever
 */
record Ask(
    String method, String path, String accept, String mediaType, String body, Duration patience) {
  private static final String JSON = "application/json";
  private static final Duration USUAL = Duration.ofMinutes(1);

  /** Asks for something. */
  static Ask get(String path) {
    return new Ask("GET", path, JSON, "", "", USUAL);
  }

  /** Sends JSON. */
  static Ask send(String method, String path, JsonNode body) {
    return new Ask(method, path, JSON, JSON, body.toString(), USUAL);
  }

  /** Sends a form. */
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
