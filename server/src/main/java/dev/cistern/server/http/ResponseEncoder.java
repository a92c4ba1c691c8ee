package dev.cistern.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;

import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseEncoder;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.util.AsciiString;
import java.util.Iterator;
import java.util.Map;

/**
 * Encoder of responses. It adds the common header fields, which were encoded once: pages of other
 * sites may neither embed content nor interpret it as another type than declared.
 *
 * <p>The fields of a head are collected in an array and written at once. Writing each field to the
 * buffer takes twice the time.
 */
final class ResponseEncoder extends HttpResponseEncoder {
  private static final byte[] FIELDS =
      """
      cross-origin-resource-policy: same-origin\r
      x-content-type-options: nosniff\r
      """
          .getBytes(US_ASCII);

  private static final int HEAD_BYTES = 2 << 10;
  private static final int SEPARATORS = 4;

  private static final ScratchBytes HEAD = new ScratchBytes(HEAD_BYTES);

  @Override
  protected void encodeInitialLine(ByteBuf out, HttpResponse response) throws Exception {
    super.encodeInitialLine(out, response);
    if (response.status().codeClass() != HttpStatusClass.INFORMATIONAL) {
      out.writeBytes(FIELDS);
    }
  }

  @Override
  protected void encodeHeaders(HttpHeaders headers, ByteBuf out) {
    byte[] head = HEAD.get();
    int length = 0;
    Iterator<Map.Entry<CharSequence, CharSequence>> fields = headers.iteratorCharSequence();
    while (fields.hasNext()) {
      Map.Entry<CharSequence, CharSequence> field = fields.next();
      CharSequence name = field.getKey();
      CharSequence value = field.getValue();
      if (name.length() + value.length() + SEPARATORS > head.length - length) {
        out.writeBytes(head, 0, length);
        length = 0;
        if (name.length() + value.length() + SEPARATORS > head.length) {
          out.writeBytes(bytes(name));
          out.writeByte(':').writeByte(' ');
          out.writeBytes(bytes(value));
          out.writeByte('\r').writeByte('\n');
          continue;
        }
      }
      length = put(head, length, name);
      head[length++] = ':';
      head[length++] = ' ';
      length = put(head, length, value);
      head[length++] = '\r';
      head[length++] = '\n';
    }
    out.writeBytes(head, 0, length);
  }

  private static int put(byte[] head, int at, CharSequence text) {
    if (text instanceof AsciiString ascii) {
      System.arraycopy(ascii.array(), ascii.arrayOffset(), head, at, ascii.length());
      return at + ascii.length();
    }
    byte[] bytes = bytes(text);
    System.arraycopy(bytes, 0, head, at, bytes.length);
    return at + bytes.length;
  }

  /** Returns the text in ISO-8859-1; other characters become question marks. */
  private static byte[] bytes(CharSequence text) {
    return text.toString().getBytes(ISO_8859_1);
  }
}
