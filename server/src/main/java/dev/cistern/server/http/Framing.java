package dev.cistern.server.http;

/**
 * The framing of a response, which determines how the client finds its end.
 *
 * @param isHead whether there is no body, regardless of the header
 * @param isKeptAlive whether the connection is reused
 * @param knowsChunks whether the client supports {@code Transfer-Encoding: chunked}; no HTTP/1.0
 *     client does (RFC 9112 section 6.1)
 */
record Framing(boolean isHead, boolean isKeptAlive, boolean knowsChunks) {
  /** The last response of a connection, with a known length. */
  static final Framing LAST = new Framing(false, false, true);
}
