package dev.cistern.conformance;

import static dev.cistern.conformance.RawConnection.head;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a web page can have a browser send to a server that only programs on this machine reach, and
 * that asks nobody for credentials: nothing of it is answered, changed or asked of an upstream.
 * {@code AccessMatrixTest} does the same to every route of a server with users.
 */
class BrowserRequestsTest {
  private static final List<String> METHODS =
      List.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");
  private static final List<String> MARKS =
      List.of(
          "Origin: https://evil.example",
          "Origin: null",
          "Origin: http://localhost:5000",
          "Origin:",
          "Sec-Fetch-Site: cross-site",
          "Sec-Fetch-Site: same-site",
          "Sec-Fetch-Site: same-origin",
          "Sec-Fetch-Site: None",
          "Sec-Fetch-Site:",
          "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site");

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static RegistryClient client;
  private static String pushed;
  private static String blob;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    upstream.addManifest("app", Samples.manifestOf(List.of()), "v1");
    server =
        new TestConfig(directory)
            .upstream("up", upstream, "insecure: true")
            .line("names: [mirror.example.com, other.example.com:5000]")
            .start();
    client = new RegistryClient(server);
    pushed = client.pushManifest("own", "v1", ManifestText.OCI_IMAGE, ManifestText.image(""));
    blob = client.pushBlob("own", "content".getBytes(UTF_8));
    upstream.forget();
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  static Stream<String> paths() {
    return Stream.of(
        "/v2/",
        "/v2",
        "/v2/_catalog",
        "/v2/own/tags/list",
        "/v2/own/manifests/v1",
        "/v2/own/blobs/" + blob,
        "/v2/own/blobs/uploads/?digest=" + Samples.digest(new byte[0]),
        "/v2/own/referrers/" + pushed,
        "/v2/up/app/manifests/v1",
        "/token?service=cistern",
        "/openshift/token",
        "/oauth/authorize",
        "/.well-known/oauth-authorization-server",
        "/metrics",
        "/admin/why?ref=up/app:v1",
        "/admin/refresh",
        "/api",
        "/api/v1/namespaces",
        "/apis",
        "/apis/image.openshift.io/v1/imagestreams",
        "/version",
        "/openapi/v3",
        "/",
        "/ui/",
        "/unknown");
  }

  @ParameterizedTest
  @MethodSource("paths")
  void requestsOfPagesAreRefusedWhateverTheyAsk(String path) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (String method : METHODS) {
        for (String mark : MARKS) {
          assertRefused(connection, method, path, "localhost", mark);
        }
        assertRefused(
            connection,
            method,
            path,
            "localhost",
            "Origin: https://evil.example",
            "Access-Control-Request-Method: PUT",
            "Access-Control-Request-Private-Network: true");
      }
      for (String method : List.of("POST", "PUT", "PATCH", "DELETE", "OPTIONS")) {
        assertRefused(connection, method, path, "localhost", "Sec-Fetch-Site: none");
      }
    }
    assertNothingHappened();
  }

  @ParameterizedTest
  @MethodSource("paths")
  void requestsUnderNamesOfPublicDnsAreRefused(String path) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (String method : METHODS) {
        for (String host : List.of("evil.example", "evil.example:5000", "2130706433", "127.1")) {
          RawConnection.Reply reply = assertRefused(connection, method, path, host, "Accept: */*");
          if (!method.equals("HEAD")) {
            assertThat(reply.body()).contains("names: [" + host + "]");
          }
        }
      }
      connection.send(head("GET http://evil.example" + path + " HTTP/1.1", "Host: localhost"));
      assertThat(connection.reply().status()).isEqualTo(403);
    }
    assertNothingHappened();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost:5000",
        "cistern",
        "cistern.localhost",
        "host.docker.internal:5000",
        "host.containers.internal",
        "192.168.1.20:5000",
        "[::1]:5000",
        "mirror.example.com",
        "mirror.example.com:443",
        "other.example.com"
      })
  void namesThatPublicDnsCannotPointHereAreServed(String host) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (String path : List.of("/v2/", "/v2/own/manifests/v1", "/metrics")) {
        connection.send(head("GET " + path + " HTTP/1.1", "Host: " + host));
        assertThat(connection.reply().status()).as(path).isEqualTo(200);
      }
      String upload = "POST /v2/own/blobs/uploads/ HTTP/1.1";
      connection.send(head(upload, "Host: " + host, "Content-Length: 0"));
      assertThat(connection.reply().status()).isEqualTo(202);
    }
  }

  @Test
  void aTypedAddressReads() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (int i = 0; i < 2; i++) { // the second time from memory
        connection.send(
            head("GET /v2/own/manifests/v1 HTTP/1.1", "Host: a", "Sec-Fetch-Site: none"));
        assertThat(connection.reply().header("Docker-Content-Digest")).isEqualTo(pushed);
      }
      connection.send(head("HEAD /metrics HTTP/1.1", "Host: a", "Sec-Fetch-Site: none"));
      assertThat(connection.replyToHead().status()).isEqualTo(200);
    }
  }

  @Test
  void answersFromMemoryAreNotForPagesEither() throws IOException {
    String get = "GET /v2/own/blobs/" + blob + " HTTP/1.1";
    try (RawConnection connection = RawConnection.to(server)) {
      for (int i = 0; i < 3; i++) {
        connection.send(head(get, "Host: a"));
        assertThat(connection.reply().body()).isEqualTo("content");
      }
      for (String line : List.of("Origin: null", "Sec-Fetch-Site: same-origin")) {
        connection.send(head(get, "Host: a", line));
        assertThat(connection.reply().status()).isEqualTo(403);
      }
      connection.send(head(get, "Host: evil.example"));
      assertThat(connection.reply().status()).isEqualTo(403);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"/healthz", "/readyz"})
  void probesAreFreeOfTheRulesAndSayNothingElse(String path) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (String mark : MARKS) {
        connection.send(head("GET " + path + " HTTP/1.1", "Host: evil.example", mark));
        RawConnection.Reply reply = connection.reply();
        assertThat(reply.status()).isEqualTo(200);
        assertThat(reply.body()).isEqualTo("ok\n");
        assertHasFields(reply);
      }
    }
  }

  @Test
  void anUploadOfAPageIsNotEvenRead() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(
          head(
              "PUT /v2/own/manifests/v1 HTTP/1.1",
              "Host: a",
              "Origin: https://evil.example",
              "Content-Length: 100",
              "Expect: 100-continue"));
      RawConnection.Reply reply = connection.reply();
      assertThat(reply.status()).as("no 100 Continue").isEqualTo(403);
      assertThat(reply.header("Connection")).isEqualTo("close");
    }
    assertNothingHappened();
  }

  private static RawConnection.Reply assertRefused(
      RawConnection connection, String method, String path, String host, String... lines)
      throws IOException {
    connection.send(
        head(method + " " + path + " HTTP/1.1", "Host: " + host, String.join("\r\n", lines)));
    boolean isHead = method.equals("HEAD");
    RawConnection.Reply reply = isHead ? connection.replyToHead() : connection.reply();
    String request = method + " " + path + " " + host + " " + List.of(lines);
    assertThat(reply.status()).as(request).isEqualTo(403);
    assertHasFields(reply);
    assertThat(reply.headers().keySet()).noneMatch(name -> name.startsWith("access-control-"));
    if (!isHead) {
      boolean isApi =
          path.startsWith("/api") || path.equals("/version") || path.contains("openapi");
      assertThat(reply.body())
          .as(request)
          .contains(isApi ? "\"reason\":\"Forbidden\"" : "\"code\":\"DENIED\"");
    }
    return reply;
  }

  private static void assertHasFields(RawConnection.Reply reply) {
    assertThat(reply.header("Cross-Origin-Resource-Policy")).isEqualTo("same-origin");
    assertThat(reply.header("X-Content-Type-Options")).isEqualTo("nosniff");
  }

  private static void assertNothingHappened() {
    assertThat(client.get("/v2/own/manifests/v1").headers().map().get("docker-content-digest"))
        .containsExactly(pushed);
    assertThat(client.get("/v2/own/blobs/" + blob).statusCode()).isEqualTo(200);
    assertThat(new String(client.get("/v2/own/tags/list").body(), UTF_8)).contains("[\"v1\"]");
    assertThat(upstream.requests()).isEmpty();
  }

  /** Where clients use names that the server cannot know, only changes need a private one. */
  @Test
  void elsewhereAChangeWithoutCredentialsNeedsAPrivateName(@TempDir Path directory)
      throws IOException {
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, Accounts.BOB.line());
    String basic = TokenService.basic(Accounts.BOB.user(), Accounts.BOB.password());
    String upload = "POST /v2/own/blobs/uploads/ HTTP/1.1";
    String publicHost = "Host: registry.example.com";
    try (CisternServer open =
            new TestConfig(directory)
                .line("access: {users: " + users + ", anonymous: push}")
                .start();
        RawConnection connection = RawConnection.to(open)) {
      connection.send(head(upload, publicHost, "Content-Length: 0"));
      RawConnection.Reply refused = connection.reply();
      assertThat(refused.status()).isEqualTo(403);
      assertThat(refused.body()).contains("names: [registry.example.com]");
      connection.send(head(upload, "Host: cistern", "Content-Length: 0"));
      assertThat(connection.reply().status()).isEqualTo(202);
      connection.send(head(upload, publicHost, "Content-Length: 0", "Authorization: " + basic));
      assertThat(connection.reply().status()).isNotEqualTo(403).isNotEqualTo(401);
      connection.send(head("GET /v2/_catalog HTTP/1.1", publicHost, "Authorization: " + basic));
      assertThat(connection.reply().status()).isEqualTo(200);
      connection.send(head("GET /v2/own/manifests/none HTTP/1.1", publicHost));
      assertThat(connection.reply().status()).as("a pull").isEqualTo(404);
      connection.send(
          head("GET /v2/ HTTP/1.1", publicHost, "Origin: https://registry.example.com"));
      assertThat(connection.reply().status()).isEqualTo(403);
    }
  }

  /** Where authentication is disabled, credentials of a page are no credentials. */
  @Test
  void onAnOpenServerCredentialsReplaceNoPrivateName(@TempDir Path directory) throws IOException {
    String upload = "POST /v2/own/blobs/uploads/ HTTP/1.1";
    try (CisternServer open =
            CisternServer.start(directory, "--anonymous", "push", "--listen", "0.0.0.0:0");
        RawConnection connection = RawConnection.to(open)) {
      connection.send(
          head(
              upload,
              "Host: rebound.example.com",
              "Content-Length: 0",
              "Authorization: Basic eA=="));
      assertThat(connection.reply().status()).isEqualTo(403);
      connection.send(head(upload, "Host: cistern", "Content-Length: 0"));
      assertThat(connection.reply().status()).isEqualTo(202);
    }
  }

  @Test
  void whereNobodyChangesAnythingWithoutCredentialsClientsAreToldToLogIn(@TempDir Path directory)
      throws IOException {
    Path users = directory.resolve("users");
    ObjectFiles.replace(users, Accounts.BOB.line());
    try (CisternServer closed =
            new TestConfig(directory)
                .line("access: {users: " + users + ", anonymous: pull}")
                .start();
        RawConnection connection = RawConnection.to(closed)) {
      connection.send(
          head(
              "POST /v2/own/blobs/uploads/ HTTP/1.1",
              "Host: registry.example.com",
              "Content-Length: 0"));
      assertThat(connection.reply().status()).isEqualTo(401);
    }
  }
}
