package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.HttpStatusClass;

/**
 * Encodes responses, each with the common header fields, as bytes that were encoded once: no page
 * of another site may embed what it gets, nor read it as another type than it says.
 */
final class ResponseEncoder extends HttpResponseEncoder {
  private static final byte[] FIELDS =
      """
      cross-origin-resource-policy: same-origin\r
      x-content-type-options: nosniff\r
      """
          .getBytes(US_ASCII);

  @Override
  protected void encodeInitialLine(ByteBuf out, HttpResponse response) throws Exception {
    super.encodeInitialLine(out, response);
    if (response.status().codeClass() != HttpStatusClass.INFORMATIONAL) {
      out.writeBytes(FIELDS);
    }
  }
}
