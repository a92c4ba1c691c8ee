package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import javax.net.ssl.SSLContext;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Sends requests to one server and reads the replies whole. Keeps connections alive. */
final class RegistryClient implements AutoCloseable {
  private static final byte[] NOTHING = {};
  private static final Duration LONGEST = Duration.ofSeconds(30);

  private final HttpClient http;
  private final String root;

  RegistryClient(CisternServer server) {
    this.http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    this.root = "http://" + server.host();
  }

  /** Speaks to a server over TLS, and would speak HTTP/2. */
  RegistryClient(CisternServer server, SSLContext context) {
    this.http = HttpClient.newBuilder().sslContext(context).build();
    this.root = "https://" + server.host();
  }

  HttpResponse<byte[]> get(String path, String... headers) {
    return send("GET", path, NOTHING, headers);
  }

  HttpResponse<byte[]> head(String path, String... headers) {
    return send("HEAD", path, NOTHING, headers);
  }

  HttpResponse<byte[]> delete(String path) {
    return send("DELETE", path, NOTHING);
  }

  HttpResponse<byte[]> post(String path) {
    return send("POST", path, NOTHING);
  }

  HttpResponse<byte[]> patch(String path, byte[] body, String... headers) {
    return send("PATCH", path, body, headers);
  }

  HttpResponse<byte[]> put(String path, byte[] body, String... headers) {
    return send("PUT", path, body, headers);
  }

  HttpResponse<byte[]> send(String method, String path, byte[] body, String... headers) {
    return send(
        request(path, headers)
            .method(
                method,
                body.length == 0 ? BodyPublishers.noBody() : BodyPublishers.ofByteArray(body)));
  }

  /** Starts a request to {@code path}, which may also be a whole address. */
  HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(path.startsWith("/") ? root + path : path))
            .timeout(LONGEST);
    return headers.length == 0 ? request : request.headers(headers);
  }

  HttpResponse<byte[]> send(HttpRequest.Builder request) {
    try {
      return http.send(request.build(), BodyHandlers.ofByteArray());
    } catch (IOException e) {
      throw new AssertionError("no reply", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted", e);
    }
  }

  /** Opens an upload and returns where it is. */
  String startUpload(String repository) {
    HttpResponse<byte[]> started = post("/v2/" + repository + "/blobs/uploads/");
    assertThat(started.statusCode()).isEqualTo(202);
    return location(started);
  }

  /** Pushes a blob in one request and returns its digest. */
  String pushBlob(String repository, byte[] content) {
    String digest = sha256(content);
    HttpResponse<byte[]> pushed =
        send("POST", "/v2/" + repository + "/blobs/uploads/?digest=" + digest, content);
    assertThat(pushed.statusCode()).isEqualTo(201);
    return digest;
  }

  /** Pushes a manifest under a tag or a digest and returns its sha256 digest. */
  String pushManifest(String repository, String reference, String mediaType, String json) {
    HttpResponse<byte[]> pushed = putManifest(repository, reference, mediaType, json);
    assertThat(pushed.statusCode()).as(() -> text(pushed)).isEqualTo(201);
    return sha256(json.getBytes(UTF_8));
  }

  HttpResponse<byte[]> putManifest(
      String repository, String reference, String mediaType, String json) {
    return put(
        "/v2/" + repository + "/manifests/" + reference,
        json.getBytes(UTF_8),
        "Content-Type",
        mediaType);
  }

  @Override
  public void close() {
    http.close();
  }

  /** Asserts that a reply is the error that the specification's body of errors says. */
  static void assertError(HttpResponse<byte[]> reply, int status, String code) {
    assertThat(reply.statusCode()).as(() -> text(reply)).isEqualTo(status);
    assertErrorBody(header(reply, "Content-Type"), text(reply), code);
  }

  /** Asserts that a body names one error by {@code code} and says to a person what is wrong. */
  static void assertErrorBody(String contentType, String body, String code) {
    assertThat(contentType).isEqualTo("application/json");
    JsonNode errors = JsonMapper.shared().readTree(body).path("errors");
    assertThat(errors.size()).as(body).isEqualTo(1);
    assertThat(errors.path(0).path("code").asString()).as(body).isEqualTo(code);
    assertThat(errors.path(0).path("message").asString()).as(body).isNotBlank();
  }

  static String location(HttpResponse<byte[]> reply) {
    return header(reply, "Location");
  }

  /** Returns the value of a header, empty where there is none. */
  static String header(HttpResponse<byte[]> reply, String name) {
    return reply.headers().firstValue(name).orElse("");
  }

  static String text(HttpResponse<byte[]> reply) {
    return new String(reply.body(), UTF_8);
  }

  static JsonNode json(HttpResponse<byte[]> reply) {
    return JsonMapper.shared().readTree(reply.body());
  }

  static String sha256(byte[] content) {
    return digest("sha256", "SHA-256", content);
  }

  static String sha512(byte[] content) {
    return digest("sha512", "SHA-512", content);
  }

  private static String digest(String prefix, String algorithm, byte[] content) {
    try {
      byte[] hash = MessageDigest.getInstance(algorithm).digest(content);
      return prefix + ":" + HexFormat.of().formatHex(hash);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has " + algorithm, e);
    }
  }
}
