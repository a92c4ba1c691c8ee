package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** One answer on its way out of a scripted upstream, faults and all. Used by one thread. */
final class UpstreamReply {
  private static final int PIECE = 128 << 10;

  private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
  private int status;
  private byte[] body;
  private long declared;
  private long cut = Long.MAX_VALUE;
  private long hold = Long.MAX_VALUE;
  private int piece = PIECE;
  private boolean isHungUp;
  private boolean isChunked;
  private @Nullable CountDownLatch bodyGate;
  private @Nullable CountDownLatch headGate;
  private @Nullable CountDownLatch gate;

  private UpstreamReply(int status, Map<String, String> headers, byte[] body) {
    this.status = status;
    this.headers.putAll(headers);
    this.body = body;
    this.declared = body.length;
  }

  /** Returns the answer of a registry that has the content, or of one that has none. */
  static UpstreamReply of(int status, Map<String, String> headers, byte[] body) {
    return new UpstreamReply(status, headers, body);
  }

  static UpstreamReply missing() {
    return of(404, Map.of(), "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}".getBytes(UTF_8));
  }

  /** Cuts out what {@code Range: bytes=N-} asks for. */
  UpstreamReply from(String range) {
    int from = Integer.parseInt(range.replaceFirst("bytes=(\\d+)-", "$1"));
    if (from >= body.length) {
      return of(416, Map.of("Content-Range", "bytes */" + body.length), new byte[0]);
    }
    headers.put("Content-Range", "bytes " + from + "-" + (body.length - 1) + "/" + body.length);
    status = 206;
    body = Arrays.copyOfRange(body, from, body.length);
    declared = body.length;
    return this;
  }

  /** Makes the answer what the script says. */
  UpstreamReply apply(Answer answer) {
    switch (answer) {
      case Answer.Healthy healthy -> {}
      case Answer.Rangeless known -> {}
      case Answer.Other(int other, Map<String, String> others, String text) -> {
        status = other;
        headers.clear();
        headers.putAll(others);
        replace(text.getBytes(UTF_8));
      }
      case Answer.HungUp hungUp -> isHungUp = true;
      case Answer.Held(CountDownLatch until) -> gate = until;
      case Answer.HeldInHead(CountDownLatch until) -> headGate = until;
      case Answer.HeldInBody(long after, CountDownLatch until) -> {
        hold = after;
        bodyGate = until;
      }
      case Answer.Cut(long after) -> cut = after;
      case Answer.Flipped(int at) -> {
        body = body.clone();
        body[at] ^= 1;
      }
      case Answer.Shortened(int bytes) -> replace(Arrays.copyOf(body, body.length - bytes));
      case Answer.Lengthened(int bytes) -> replace(Arrays.copyOf(body, body.length + bytes));
      case Answer.Declared(long length) -> declared = length;
      case Answer.Chunked chunked -> isChunked = true;
      case Answer.Trickled(int bytes) -> piece = bytes;
      case Answer.With(String header, String value) -> headers.put(header, value);
      case Answer.All all -> all.answers().forEach(this::apply);
    }
    return this;
  }

  private void replace(byte[] other) {
    body = other;
    declared = other.length;
  }

  /**
   * Sends it.
   *
   * @param sent is told each byte of the body
   * @return whether the connection can be used for another request
   */
  boolean send(OutputStream out, boolean isHead, AtomicLong sent)
      throws IOException, InterruptedException {
    pass(gate);
    if (isHungUp) {
      return false;
    }
    byte[] head = head().getBytes(ISO_8859_1);
    if (headGate != null) {
      out.write(head, 0, head.length / 2);
      out.flush();
      pass(headGate);
      out.write(head, head.length / 2, head.length - head.length / 2);
    } else {
      out.write(head);
    }
    out.flush();
    return isHead || sendBody(out, sent);
  }

  private boolean sendBody(OutputStream out, AtomicLong sent)
      throws IOException, InterruptedException {
    int end = (int) Math.min(body.length, cut);
    for (int at = 0; at < end; ) {
      if (at == hold) {
        pass(bodyGate);
      }
      int stop = at < hold ? (int) Math.min(end, hold) : end;
      int count = Math.min(piece, stop - at);
      write(out, at, count);
      sent.addAndGet(count);
      at += count;
    }
    if (end >= hold) {
      pass(bodyGate);
    }
    if (end < body.length) {
      return false;
    }
    if (isChunked) {
      out.write("0\r\n\r\n".getBytes(ISO_8859_1));
      out.flush();
    }
    return isChunked || declared == body.length;
  }

  private void write(OutputStream out, int at, int count) throws IOException {
    if (isChunked) {
      out.write((HexFormat.of().toHexDigits(count) + "\r\n").getBytes(ISO_8859_1));
    }
    out.write(body, at, count);
    if (isChunked) {
      out.write("\r\n".getBytes(ISO_8859_1));
    }
    out.flush();
  }

  private String head() {
    var head = new StringBuilder("HTTP/1.1 " + status + " Scripted\r\n");
    headers.forEach((name, value) -> head.append(name + ": " + value + "\r\n"));
    head.append(isChunked ? "Transfer-Encoding: chunked" : "Content-Length: " + declared);
    return head.append("\r\n\r\n").toString();
  }

  private static void pass(@Nullable CountDownLatch gate) throws InterruptedException {
    if (gate != null) {
      gate.await();
    }
  }
}
