package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.OutputStream;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** One answer on its way out of a scripted upstream, faults and all. Used by one thread. */
final class UpstreamReply {
  private static final int PIECE = 128 << 10;
  private static final int PACE_MILLIS = 50;
  private static final Pattern RANGE = Pattern.compile("bytes=(\\d*)-(\\d*)");

  private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
  private int status;
  private UpstreamBody body;
  private long from;
  private long length;
  private long declared;
  private long cut = Long.MAX_VALUE;
  private long hold = Long.MAX_VALUE;
  private int piece = PIECE;
  private boolean isHungUp;
  private boolean isChunked;
  private @Nullable CountDownLatch bodyGate;
  private @Nullable CountDownLatch headGate;
  private @Nullable CountDownLatch gate;
  private Answer.@Nullable Trickling trickle;

  private UpstreamReply(int status, Map<String, String> headers, UpstreamBody body) {
    this.status = status;
    this.headers.putAll(headers);
    this.body = body;
    this.length = body.size();
    this.declared = length;
  }

  /** Returns the answer of a registry that has the content, or of one that has none. */
  static UpstreamReply of(int status, Map<String, String> headers, byte[] body) {
    return of(status, headers, new UpstreamBody.Bytes(body));
  }

  static UpstreamReply of(int status, Map<String, String> headers, UpstreamBody body) {
    return new UpstreamReply(status, headers, body);
  }

  static UpstreamReply missing() {
    return of(404, Map.of(), "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"}]}".getBytes(UTF_8));
  }

  /** Cuts out what {@code Range: bytes=N-}, {@code bytes=N-M} or {@code bytes=-N} asks for. */
  UpstreamReply range(String range) {
    Matcher matcher = RANGE.matcher(range);
    if (!matcher.matches()) {
      return of(400, Map.of(), ("no range: " + range).getBytes(UTF_8));
    }
    long size = body.size();
    long last = matcher.group(2).isEmpty() ? size - 1 : Long.parseLong(matcher.group(2));
    boolean isSuffix = matcher.group(1).isEmpty();
    from = isSuffix ? Math.max(0, size - last) : Long.parseLong(matcher.group(1));
    last = isSuffix ? size - 1 : Math.min(size - 1, last);
    if (from > last) {
      return of(416, Map.of("Content-Range", "bytes */" + size), new byte[0]);
    }
    headers.put("Content-Range", "bytes " + from + "-" + last + "/" + size);
    status = 206;
    length = last + 1 - from;
    declared = length;
    return this;
  }

  /** Makes the answer what the script says. */
  UpstreamReply apply(Answer answer) {
    switch (answer) {
      case Answer.Healthy healthy -> {}
      case Answer.Rangeless known -> {}
      case Answer.Endless endless -> {
        length = body.size() - from;
        declared = length;
        headers.put("Content-Range", "bytes " + from + "-" + (body.size() - 1) + "/" + body.size());
      }
      case Answer.Other(int other, Map<String, String> others, String text) -> {
        status = other;
        headers.clear();
        headers.putAll(others);
        body = new UpstreamBody.Bytes(text.getBytes(UTF_8));
        from = 0;
        length = body.size();
        declared = length;
      }
      case Answer.HungUp hungUp -> isHungUp = true;
      case Answer.Held(CountDownLatch until) -> gate = until;
      case Answer.HeldInHead(CountDownLatch until) -> headGate = until;
      case Answer.HeldInBody(long after, CountDownLatch until) -> {
        hold = after;
        bodyGate = until;
      }
      case Answer.Trickling trickling -> trickle = trickling;
      case Answer.Cut(long after) -> cut = after;
      case Answer.Flipped(int at) -> body = inMemory().flipped((int) from + at);
      case Answer.Shortened(int bytes) -> resize((int) length - bytes);
      case Answer.Lengthened(int bytes) -> resize((int) length + bytes);
      case Answer.Declared(long length) -> declared = length;
      case Answer.Chunked chunked -> isChunked = true;
      case Answer.Trickled(int bytes) -> piece = bytes;
      case Answer.With(String header, String value) -> headers.put(header, value);
      case Answer.All all -> all.answers().forEach(this::apply);
    }
    return this;
  }

  private UpstreamBody.Bytes inMemory() {
    return new UpstreamBody.Bytes(body.inMemory());
  }

  private void resize(int other) {
    body = inMemory().resized((int) from + other);
    length = other;
    declared = other;
  }

  /**
   * Sends it.
   *
   * @param meter is told of each byte of the body
   * @return whether the connection can be used for another request
   */
  boolean send(OutputStream out, boolean isHead, UpstreamMeter meter)
      throws IOException, InterruptedException {
    pass(gate);
    if (isHungUp) {
      return false;
    }
    if (trickle != null) {
      trickle(out, trickle);
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
    return isHead || sendBody(out, meter);
  }

  private static void trickle(OutputStream out, Answer.Trickling trickle)
      throws IOException, InterruptedException {
    out.write(trickle.begin().getBytes(ISO_8859_1));
    out.flush();
    while (!trickle.gate().await(PACE_MILLIS, TimeUnit.MILLISECONDS)) {
      out.write(trickle.more().getBytes(ISO_8859_1));
      out.flush();
    }
  }

  private boolean sendBody(OutputStream out, UpstreamMeter meter)
      throws IOException, InterruptedException {
    try (UpstreamMeter.Body sent = meter.begin()) {
      long end = Math.min(length, cut);
      byte[] bytes = new byte[(int) Math.min(piece, Math.max(0, end))];
      for (long at = 0; at < end; ) {
        if (at == hold) {
          pass(bodyGate);
        }
        long stop = at < hold ? Math.min(end, hold) : end;
        int count = (int) Math.min(piece, stop - at);
        body.copy(from + at, bytes, count);
        at += count;
        sent.leaving(count, at == end);
        write(out, bytes, count);
        sent.left(count);
      }
      if (end >= hold) {
        pass(bodyGate);
      }
      if (end < length) {
        return false;
      }
    }
    if (isChunked) {
      out.write("0\r\n\r\n".getBytes(ISO_8859_1));
      out.flush();
    }
    return isChunked || declared == length;
  }

  private void write(OutputStream out, byte[] bytes, int count) throws IOException {
    if (isChunked) {
      out.write((HexFormat.of().toHexDigits(count) + "\r\n").getBytes(ISO_8859_1));
    }
    out.write(bytes, 0, count);
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
