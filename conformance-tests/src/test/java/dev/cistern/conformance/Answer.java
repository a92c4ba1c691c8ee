package dev.cistern.conformance;

import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * How a scripted upstream answers a request: as it should, with something else, or as it should but
 * with a fault. Faults are put together with {@link #all}, applied from left to right; positions
 * count the bytes of the body that is sent.
 */
sealed interface Answer {
  /** As a registry should. */
  record Healthy() implements Answer {}

  /** Something else altogether. */
  record Other(int status, Map<String, String> headers, String body) implements Answer {}

  /** Closes the connection without a word. */
  record HungUp() implements Answer {}

  /** Sends nothing until the gate opens. */
  record Held(CountDownLatch gate) implements Answer {}

  /** Sends the first half of the head, and the rest when the gate opens. */
  record HeldInHead(CountDownLatch gate) implements Answer {}

  /** Sends the head and {@code after} bytes of the body, and the rest when the gate opens. */
  record HeldInBody(long after, CountDownLatch gate) implements Answer {}

  /**
   * Sends {@code begin} in place of an answer, and {@code more} again and again, slowly, until the
   * gate opens; then closes the connection.
   */
  record Trickling(String begin, String more, CountDownLatch gate) implements Answer {}

  /** Closes the connection after {@code after} bytes of the body. */
  record Cut(long after) implements Answer {}

  /** Sends one byte of the body wrong. */
  record Flipped(int at) implements Answer {}

  /** Leaves {@code bytes} out at the end and declares the shorter length: a clean end. */
  record Shortened(int bytes) implements Answer {}

  /** Adds {@code bytes} at the end and declares the longer length. */
  record Lengthened(int bytes) implements Answer {}

  /** Declares a length that is not the body's; all of the body is sent, then the end. */
  record Declared(long length) implements Answer {}

  /** Sends the body in chunks, without telling its length before. */
  record Chunked() implements Answer {}

  /** Sends the body in small pieces, each flushed. */
  record Trickled(int bytes) implements Answer {}

  /** Sends another value of a header. */
  record With(String header, String value) implements Answer {}

  /** Does not know of ranges: sends all with status 200. */
  record Rangeless() implements Answer {}

  /** Sends all from the first byte of a range on, whatever its last byte is. */
  record Endless() implements Answer {}

  /** One fault after the other. */
  record All(List<Answer> answers) implements Answer {}

  static Answer all(Answer... answers) {
    return new All(List.of(answers));
  }

  static Answer status(int status) {
    return new Other(status, Map.of(), "scripted " + status);
  }

  static Answer redirect(String location) {
    return new Other(307, Map.of("Location", location), "");
  }

  static Answer throttled(String retryAfter) {
    return new Other(429, Map.of("Retry-After", retryAfter), "");
  }

  static Answer basicChallenge() {
    return new Other(401, Map.of("WWW-Authenticate", "Basic realm=\"upstream\""), "");
  }

  static Answer bearerChallenge(String realm) {
    return new Other(
        401, Map.of("WWW-Authenticate", "Bearer realm=\"" + realm + "\",service=\"upstream\""), "");
  }
}
