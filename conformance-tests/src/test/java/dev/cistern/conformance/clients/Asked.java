package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Base64;

/**
 * A request that a client sent, and the status of its answer.
 *
 * @param body as text; in base64 if {@code isBinary}
 */
record Asked(
    String method,
    String target,
    String accept,
    String contentType,
    boolean isBinary,
    String body,
    int status) {
  byte[] bytes() {
    return isBinary ? Base64.getDecoder().decode(body) : body.getBytes(UTF_8);
  }
}
