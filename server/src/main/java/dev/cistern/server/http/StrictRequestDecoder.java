package dev.cistern.server.http;

import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequestDecoder;

/**
 * Reads requests, and refuses those of which two readers could think differently (RFC 9112 section
 * 11.2): a Transfer-Encoding with a Content-Length, bare line ends, folded lines.
 */
final class StrictRequestDecoder extends HttpRequestDecoder {
  private static final int LONGEST_LINE = 8 << 10;
  private static final int LARGEST_HEAD = 32 << 10;
  private static final int LARGEST_CHUNK = 256 << 10;

  StrictRequestDecoder() {
    super(
        new HttpDecoderConfig()
            .setMaxInitialLineLength(LONGEST_LINE)
            .setMaxHeaderSize(LARGEST_HEAD)
            .setMaxChunkSize(LARGEST_CHUNK)
            .setStrictLineParsing(true)
            .setUseRfc9112TransferEncoding(true)
            .setValidateHeaders(true));
  }

  @Override
  protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
    throw new IllegalArgumentException("both Transfer-Encoding and Content-Length");
  }
}
