package dev.cistern.server.http;

/**
 * How a client is to know where its response ends.
 *
 * @param isHead whether there is no body, whatever the header says
 * @param isKeptAlive whether the connection is used again
 * @param knowsChunks whether the client knows {@code Transfer-Encoding: chunked}, as none of
 *     HTTP/1.0 does (RFC 9112 section 6.1)
 */
record Framing(boolean isHead, boolean isKeptAlive, boolean knowsChunks) {
  /** The last response of a connection, of a length that is known. */
  static final Framing LAST = new Framing(false, false, true);
}
