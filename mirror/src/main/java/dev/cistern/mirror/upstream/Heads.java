package dev.cistern.mirror.upstream;

import java.io.IOException;
import java.io.InputStream;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.HttpException;
import org.apache.hc.core5.http.ProtocolException;
import org.apache.hc.core5.http.config.Http1Config;
import org.apache.hc.core5.http.impl.io.DefaultHttpResponseParser;
import org.apache.hc.core5.http.io.SessionInputBuffer;

/**
 * A parser of the heads of an upstream's answers. A line has at most 16 KiB, a head at most 200
 * lines. At most 16 informational responses (RFC 9110 section 15.2) may precede the answer. Each
 * connection has its own instance.
 */
final class Heads extends DefaultHttpResponseParser {
  static final int MAX_LINE_BYTES = 16 << 10;
  static final int MAX_LINES = 200;
  static final int MAX_INFORMATIONAL = 16;

  /**
   * The limits for the client library. It refuses a head that reaches its maximum count, so that is
   * one more than {@link #MAX_LINES}.
   */
  static final Http1Config CONFIG =
      Http1Config.custom()
          .setMaxLineLength(MAX_LINE_BYTES)
          .setMaxHeaderCount(MAX_LINES + 1)
          .build();

  private int informational;

  Heads() {
    super(CONFIG);
  }

  @Override
  public ClassicHttpResponse parse(SessionInputBuffer buffer, InputStream in)
      throws IOException, HttpException {
    ClassicHttpResponse response = super.parse(buffer, in);
    informational = response != null && response.getCode() < 200 ? informational + 1 : 0;
    if (informational > MAX_INFORMATIONAL) {
      throw new ProtocolException(
          "it sent more than " + MAX_INFORMATIONAL + " informational responses");
    }
    return response;
  }
}
