package dev.cistern.server.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Decoder of requests that refuses those that two readers could interpret differently (RFC 9112
 * section 11.2). These have a Transfer-Encoding with a Content-Length or other than chunked, bare
 * line ends, folded lines, control characters, or a missing or repeated Host. Input after a refused
 * request is dropped.
 */
final class StrictRequestDecoder extends HttpRequestDecoder {
  private static final int PIECE_BYTES = 512;

  private static final ScratchBytes PIECE = new ScratchBytes(PIECE_BYTES);

  private static final int LONGEST_LINE = 8 << 10;
  private static final int LARGEST_HEAD = 32 << 10;
  private static final int LARGEST_CHUNK = 256 << 10;
  private static final String HOST_SIGNS = "._~%!$&'()*+,;=:[]-";

  private boolean isInHead = true;
  private boolean isRefused;
  private boolean isInFirstLine = true;
  private boolean hasBegun;
  private byte last = '\n';

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

  /** Returns whether a part of a head has arrived, but not its end. Event loop. */
  boolean isWithinHead() {
    return hasBegun;
  }

  @Override
  protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
    throw new IllegalArgumentException("both Transfer-Encoding and Content-Length");
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out)
      throws Exception {
    if (isRefused) {
      in.skipBytes(in.readableBytes());
      return;
    }
    int from = in.readerIndex();
    int before = out.size();
    super.decode(context, in, out);
    if (isInHead) {
      String wrong = wrongIn(in, from, in.readerIndex());
      if (wrong == null && out.size() > before) {
        wrong = wrongIn((HttpRequest) out.get(before));
      }
      if (wrong != null) {
        refuse(out, before, wrong);
        return;
      }
    }
    hasBegun = isInHead && out.size() == before && (hasBegun || from < in.writerIndex());
    if (out.size() > before) {
      isInHead = out.getLast() instanceof LastHttpContent;
      isRefused = ((HttpObject) out.getLast()).decoderResult().isFailure();
      isInFirstLine = true;
      last = '\n';
    }
  }

  private void refuse(List<Object> out, int before, String wrong) {
    isRefused = true;
    while (out.size() > before) {
      ReferenceCountUtil.release(out.removeLast());
    }
    HttpMessage invalid = createInvalidMessage();
    invalid.setDecoderResult(DecoderResult.failure(new IllegalArgumentException(wrong)));
    out.add(invalid);
  }

  /** Checks the bytes of a head; others may have arrived before, and others may follow. */
  private @Nullable String wrongIn(ByteBuf bytes, int from, int to) {
    byte[] piece = PIECE.get();
    String wrong = null;
    for (int at = from; at < to && wrong == null; at += piece.length) {
      int count = Math.min(piece.length, to - at);
      bytes.getBytes(at, piece, 0, count); // an array is read faster than a buffer
      wrong = wrongIn(piece, count);
    }
    return wrong;
  }

  private @Nullable String wrongIn(byte[] bytes, int count) {
    for (int i = 0; i < count; i++) {
      byte b = bytes[i];
      boolean isPlain = b > ' ' && b != 0x7f;
      if (isPlain && last != '\r') {
        last = b;
        continue;
      }
      if ((b == '\n') != (last == '\r')) {
        return "a bare carriage return or line feed";
      }
      if (last == '\n' && (b == ' ' || b == '\t')) {
        return "a line that begins with a space";
      }
      boolean isControl = (b >= 0 && b < ' ') || b == 0x7f;
      if (isControl && b != '\r' && b != '\n' && b != '\t') {
        return "a control character";
      }
      if (isInFirstLine && (b == '\t' || (b == ' ' && last == ' '))) {
        return "more than one space between the words of the first line";
      }
      isInFirstLine &= b != '\r' || last == '\n';
      last = b;
    }
    return null;
  }

  private static @Nullable String wrongIn(HttpRequest head) {
    if (head.decoderResult().isFailure()) {
      return null;
    }
    HttpVersion version = head.protocolVersion();
    if (version.majorVersion() != 1) {
      return "the version is " + version;
    }
    boolean isOld = version.equals(HttpVersion.HTTP_1_0);
    List<String> codings = head.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
    if (!codings.isEmpty()
        && (isOld || codings.size() > 1 || !codings.getFirst().equalsIgnoreCase("chunked"))) {
      return "a Transfer-Encoding other than chunked, or in HTTP/1.0";
    }
    List<String> hosts = head.headers().getAll(HttpHeaderNames.HOST);
    if (hosts.size() > 1 || (hosts.isEmpty() && !isOld)) {
      return "Host must be there once";
    }
    return hosts.isEmpty() || isHost(hosts.getFirst()) ? null : "not a host";
  }

  private static boolean isHost(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean isLetterOrDigit =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      if (!isLetterOrDigit && HOST_SIGNS.indexOf(c) < 0) {
        return false;
      }
    }
    return true;
  }
}
