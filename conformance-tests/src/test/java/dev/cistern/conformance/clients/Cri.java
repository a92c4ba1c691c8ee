package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * The image service of a container runtime (CRI), asked as a kubelet asks it: gRPC on a socket,
 * which curl speaks well enough for one question and one answer.
 */
record Cri(Path socket) {
  private static final Pattern STATUS = Pattern.compile("(?im)^grpc-status: *(\\d+)");
  private static final Pattern MESSAGE = Pattern.compile("(?im)^grpc-message: *(.*)$");

  /** How a call ended: 0 and nothing to say, or what went wrong. */
  record Ended(int status, String message) {}

  /** Pulls an image (runtime.v1.ImageService/PullImage). */
  Ended pull(String reference) {
    byte[] image = field(reference.getBytes(UTF_8));
    byte[] request = field(image);
    try {
      Path body = Files.createTempFile("cistern-cri", null);
      try {
        Files.write(
            body,
            ByteBuffer.allocate(5 + request.length)
                .put((byte) 0)
                .putInt(request.length)
                .put(request)
                .array());
        return ended(
            Command.of("curl", "--silent", "--show-error", "--http2-prior-knowledge")
                .and("--unix-socket", socket.toString(), "--data-binary", "@" + body)
                .and("--header", "content-type: application/grpc", "--header", "te: trailers")
                .and("--dump-header", "-", "--output", "/dev/null")
                .and("http://cri/runtime.v1.ImageService/PullImage")
                .run());
      } finally {
        Files.delete(body);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the first field of a message (Protocol Buffers), whose value is these bytes. */
  private static byte[] field(byte[] value) {
    var field = new ByteArrayOutputStream();
    field.write((1 << 3) | 2);
    int rest = value.length;
    while (rest > 127) {
      field.write((rest & 127) | 128);
      rest >>>= 7;
    }
    field.write(rest);
    field.writeBytes(value);
    return field.toByteArray();
  }

  private static Ended ended(String headers) {
    MatchResult status =
        STATUS
            .matcher(headers)
            .results()
            .findFirst()
            .orElseThrow(() -> new AssertionError("no answer of gRPC: " + headers));
    String message =
        MESSAGE.matcher(headers).results().map(found -> found.group(1)).findFirst().orElse("");
    return new Ended(Integer.parseInt(status.group(1)), message);
  }
}
