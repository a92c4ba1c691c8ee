package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/** Small requests to a server under test. */
final class TestClient implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final CisternServer server;
  private final Optional<String> authorization;
  private final HttpClient http =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  TestClient(CisternServer server) {
    this(server, Optional.empty());
  }

  private TestClient(CisternServer server, Optional<String> authorization) {
    this.server = server;
    this.authorization = authorization;
  }

  /** Returns a client that sends a user and his password. */
  static TestClient as(CisternServer server, String user, String password) {
    return new TestClient(server, Optional.of(TokenService.basic(user, password)));
  }

  /** Returns a client that sends a token. */
  static TestClient with(CisternServer server, String token) {
    return new TestClient(server, Optional.of("Bearer " + token));
  }

  /** An answer. */
  record Answered(int status, HttpResponse<byte[]> response) {
    byte[] bytes() {
      return response.body();
    }

    String text() {
      return new String(response.body(), UTF_8);
    }

    /** Returns a header, "" if it is not there. */
    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }

    String cacheStatus() {
      return header("Cache-Status");
    }
  }

  Answered get(String path) {
    return send(request(path).GET());
  }

  Answered get(String path, String... headers) {
    return send(request(path).headers(headers).GET());
  }

  Answered head(String path) {
    return send(request(path).HEAD());
  }

  /** Puts an image manifest. */
  Answered putManifest(String path, byte[] manifest) {
    return send(
        request(path)
            .header("Content-Type", Samples.IMAGE)
            .PUT(HttpRequest.BodyPublishers.ofByteArray(manifest)));
  }

  /** Pushes a blob in one request. */
  Answered pushBlob(String repository, byte[] blob) {
    return send(
        request("/v2/" + repository + "/blobs/uploads/?digest=" + Samples.digest(blob))
            .header("Content-Type", "application/octet-stream")
            .POST(HttpRequest.BodyPublishers.ofByteArray(blob)));
  }

  Answered delete(String path) {
    return send(request(path).DELETE());
  }

  /** Posts a body of a media type. */
  Answered post(String path, String type, String body) {
    return send(
        request(path).header("Content-Type", type).POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  /**
   * Sends a body of a media type, an empty one if there is nothing to say.
   *
   * @param headers names and values in turn
   */
  Answered send(String method, String path, String type, byte[] body, String... headers) {
    return send(
        with(request(path).header("Content-Type", type), headers)
            .method(method, HttpRequest.BodyPublishers.ofByteArray(body)));
  }

  private static HttpRequest.Builder with(HttpRequest.Builder request, String... headers) {
    for (int i = 0; i < headers.length; i += 2) {
      request.header(headers[i], headers[i + 1]);
    }
    return request;
  }

  /**
   * @param headers names and values in turn
   */
  CompletableFuture<Answered> getLater(String path, String... headers) {
    HttpRequest request = with(request(path), headers).GET().build();
    return http.sendAsync(request, HttpResponse.BodyHandlers.ofByteArray())
        .thenApply(response -> new Answered(response.statusCode(), response));
  }

  @Override
  public void close() {
    http.shutdownNow();
    http.close();
  }

  private HttpRequest.Builder request(String path) {
    HttpRequest.Builder request = HttpRequest.newBuilder(server.uri(path)).timeout(PATIENCE);
    authorization.ifPresent(value -> request.header("Authorization", value));
    return request;
  }

  private Answered send(HttpRequest.Builder request) {
    try {
      HttpResponse<byte[]> response =
          http.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
      return new Answered(response.statusCode(), response);
    } catch (IOException e) {
      throw new AssertionError("no answer, " + server.state(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }
}
