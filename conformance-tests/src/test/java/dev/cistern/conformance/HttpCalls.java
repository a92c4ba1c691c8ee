package dev.cistern.conformance;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Requests to one server; all that moves burns a {@link Fuse}. */
final class HttpCalls implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private final CisternServer server;
  private final Fuse fuse;

  HttpCalls(CisternServer server, Fuse fuse) {
    this.server = server;
    this.fuse = fuse;
  }

  /** What came back. */
  record Reply(HttpResponse<InputStream> response, byte[] body) {
    int status() {
      return response.statusCode();
    }

    @Nullable String header(String name) {
      return response.headers().firstValue(name).orElse(null);
    }

    String text() {
      return new String(body, java.nio.charset.StandardCharsets.UTF_8);
    }

    @Override
    public String toString() {
      return response + " " + (status() >= 400 ? text() : body.length + " bytes");
    }
  }

  /** What came of a body that was not kept. */
  record Hashed(HttpResponse<InputStream> response, long bytes, String digest) {
    int status() {
      return response.statusCode();
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }
  }

  Fuse fuse() {
    return fuse;
  }

  /** Sends a request without a body and reads all of the answer. */
  Reply send(String method, String path, String... headers) throws IOException {
    return read(open(method, path, BodyPublishers.noBody(), headers), Long.MAX_VALUE);
  }

  /** Sends a request with a body and reads all of the answer. */
  Reply send(String method, String path, byte[] body, String... headers) throws IOException {
    return read(open(method, path, publisher(body), headers), Long.MAX_VALUE);
  }

  /** Sends a GET and leaves after {@code most} bytes of the answer. */
  Reply leave(String path, long most) throws IOException {
    return read(open("GET", path, BodyPublishers.noBody()), most);
  }

  /** Sends a GET and hashes the answer, at most {@code most} bytes of it. */
  Hashed hash(String path, long most, String... headers) throws IOException {
    HttpResponse<InputStream> response = open("GET", path, BodyPublishers.noBody(), headers);
    MessageDigest hash = sha256();
    byte[] buffer = new byte[64 << 10];
    long read = 0;
    try (InputStream body = fuse.metered(response.body())) {
      for (int n = 0; n >= 0 && read < most; n = body.read(buffer)) {
        hash.update(buffer, 0, n);
        read += n;
      }
    }
    return new Hashed(response, read, "sha256:" + HexFormat.of().formatHex(hash.digest()));
  }

  @Override
  public void close() {
    client.shutdownNow();
    client.close();
  }

  private HttpResponse<InputStream> open(
      String method, String path, BodyPublisher body, String... headers) throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(server.uri(path)).method(method, body).timeout(PATIENCE);
    if (headers.length > 0) {
      request.headers(headers);
    }
    try {
      return client.send(request.build(), BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private BodyPublisher publisher(byte[] body) {
    return body.length == 0
        ? BodyPublishers.noBody()
        : BodyPublishers.fromPublisher(
            BodyPublishers.ofInputStream(() -> fuse.metered(new ByteArrayInputStream(body))),
            body.length);
  }

  private Reply read(HttpResponse<InputStream> response, long most) throws IOException {
    try (InputStream body = fuse.metered(response.body())) {
      if (most < Long.MAX_VALUE) {
        return new Reply(response, body.readNBytes((int) most));
      }
      return new Reply(response, body.readAllBytes());
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }
}
