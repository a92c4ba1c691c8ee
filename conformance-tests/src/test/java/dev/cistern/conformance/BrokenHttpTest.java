package dev.cistern.conformance;

import static dev.cistern.conformance.RawConnection.head;
import static dev.cistern.conformance.RegistryClient.assertErrorBody;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What two readers of HTTP/1.1 (RFC 9112) could read differently is refused, and ends it. */
class BrokenHttpTest {
  private static final String START = "POST /v2/broken/blobs/uploads/ HTTP/1.1";
  private static final String GET = "GET /v2/broken/manifests/a HTTP/1.1";
  private static final String SMUGGLED = head("GET /healthz HTTP/1.1", "Host: a");
  private static final String CHUNKED = "Transfer-Encoding: chunked";

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;
  private static String manifest;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
    manifest = registry.pushManifest("broken", "a", ManifestText.OCI_IMAGE, ManifestText.image(""));
  }

  @Test
  void whoSendsMuchThatIsRefusedGetsTheReasonAndAnEndOfTheConnection() throws IOException {
    String target = "/v2/broken/blobs/uploads/?digest=sha256:wrong";
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(head("POST " + target + " HTTP/1.1", "Host: a", "Content-Length: 99999999"));
      RawConnection.Reply reply = connection.send(new byte[1000]).reply();

      assertThat(reply.status()).isEqualTo(400);
      assertThat(reply.headers()).containsEntry("connection", "close");
      connection.send(new byte[1 << 20]);
      assertThat(connection.isAtEnd()).as("an end, not a reset").isTrue();
    }
  }

  static Stream<Arguments> requests() {
    return Stream.of(
        Arguments.of(
            "length, then chunked",
            head(START, "Host: a", "Content-Length: 5", CHUNKED) + "0\r\n\r\n"),
        Arguments.of(
            "chunked, then length",
            head(START, "Host: a", CHUNKED, "Content-Length: 5") + "0\r\n\r\n"),
        Arguments.of(
            "two lengths", head(START, "Host: a", "Content-Length: 0", "Content-Length: 5")),
        Arguments.of("a list of lengths", head(START, "Host: a", "Content-Length: 0, 5")),
        Arguments.of("a length with a sign", head(START, "Host: a", "Content-Length: +5")),
        Arguments.of("a length below zero", head(START, "Host: a", "Content-Length: -5")),
        Arguments.of("a length in hexadecimal", head(START, "Host: a", "Content-Length: 0x5")),
        Arguments.of("a length with a space in it", head(START, "Host: a", "Content-Length: 0 5")),
        Arguments.of("an empty length", head(START, "Host: a", "Content-Length:")),
        Arguments.of("a huge length", head(START, "Host: a", "Content-Length: " + "9".repeat(30))),
        Arguments.of("an unknown coding", coded("xchunked")),
        Arguments.of("chunked not last", coded("chunked, gzip")),
        Arguments.of("a coding we do not have", coded("gzip, chunked")),
        Arguments.of("chunked twice", coded("chunked, chunked")),
        Arguments.of("identity", coded("identity")),
        Arguments.of("chunked in quotes", coded("\"chunked\"")),
        Arguments.of("an empty coding", coded("")),
        Arguments.of(
            "two lines of coding",
            head(START, "Host: a", CHUNKED, "Transfer-Encoding: identity") + "0\r\n\r\n"),
        Arguments.of(
            "space before the colon",
            head(START, "Host: a", "Transfer-Encoding : chunked") + "0\r\n\r\n"),
        Arguments.of(
            "HTTP/1.0 with chunks",
            head(START.replace("/1.1", "/1.0"), "Host: a", CHUNKED) + "0\r\n\r\n"),
        Arguments.of("bare line feeds", head(GET, "Host: a").replace("\r\n", "\n")),
        Arguments.of("a bare line feed after the first line", GET + "\nHost: a\r\n\r\n"),
        Arguments.of("a bare line feed between headers", head(GET, "Host: a\nX: b")),
        Arguments.of("a bare carriage return in a header", head(GET, "Host: a", "X: b\rY: c")),
        Arguments.of("a bare carriage return at the end", head(GET, "Host: a\r")),
        Arguments.of("a bare carriage return in the first line", head(GET + "\r", "Host: a")),
        Arguments.of("a folded header", head(GET, "Host: a", "X: b", " c")),
        Arguments.of("a header folded by a tab", head(GET, "Host: a", "X: b", "\tc")),
        Arguments.of("a fold before all headers", head(GET, " Host: a")),
        Arguments.of("a null in a header", head(GET, "Host: a", "X: b\0c")),
        Arguments.of("a null in a name", head(GET, "Host: a", "X\0: b")),
        Arguments.of("a null in the target", head("GET /v2/\0 HTTP/1.1", "Host: a")),
        Arguments.of("an escape in a header", head(GET, "Host: a", "X: \u001bb")),
        Arguments.of("a name with a space", head(GET, "Host: a", "X Y: b")),
        Arguments.of("an empty name", head(GET, "Host: a", ": b")),
        Arguments.of("no colon", head(GET, "Host: a", "nonsense")),
        Arguments.of("no host", head(GET)),
        Arguments.of("two hosts", head(GET, "Host: a", "Host: b")),
        Arguments.of("a host with a space", head(GET, "Host: a b")),
        Arguments.of("a host with a path", head(GET, "Host: a/b")),
        Arguments.of("two spaces", head("GET  /v2/ HTTP/1.1", "Host: a")),
        Arguments.of("a space in the target", head("GET /v2/ x HTTP/1.1", "Host: a")),
        Arguments.of("a tab for a space", head("GET\t/v2/\tHTTP/1.1", "Host: a")),
        Arguments.of("no version", head("GET /v2/", "Host: a")),
        Arguments.of("no such version", head("GET /v2/ HTTP/1.1x", "Host: a")),
        Arguments.of("another protocol", head("GET /v2/ FTP/1.1", "Host: a")),
        Arguments.of("HTTP/2", head("PRI * HTTP/2.0") + "SM\r\n\r\n"),
        Arguments.of("a header that ends early", head(GET, "Host: a", "X") + "\r\n"),
        Arguments.of("a delete character in a header", head(GET, "Host: a", "X: b\u007fc")),
        Arguments.of("a bare line feed in a value", head(GET, "Host: a", "X: b\nY: c")),
        Arguments.of("a tab before the colon", head(GET, "Host: a", "X\t: b")),
        Arguments.of(
            "chunked in HTTP/1.0 with a length",
            head(START.replace("/1.1", "/1.0"), "Host: a", CHUNKED, "Content-Length: 5")),
        Arguments.of("a parameter of the coding", coded("chunked;a=b")),
        Arguments.of("a vertical tab in the coding", coded("\u000bchunked")),
        Arguments.of("two equal lengths in a list", head(START, "Host: a", "Content-Length: 5, 5")),
        Arguments.of("a method that is none", head("G@T /v2/ HTTP/1.1", "Host: a")),
        Arguments.of("SSH", "SSH-2.0-OpenSSH_9.9\r\n"),
        Arguments.of("SOCKS", "\u0005\u0001\0\r\n\r\n"),
        Arguments.of("zeros", "\0".repeat(100) + "\r\n\r\n"),
        Arguments.of("noise", noise() + "\r\n\r\n"));
  }

  private static String coded(String coding) {
    return head(START, "Host: a", "Transfer-Encoding: " + coding) + "0\r\n\r\n";
  }

  private static String noise() {
    return new Random(1)
        .ints(300, 128, 256)
        .collect(StringBuilder::new, (text, c) -> text.append((char) c), StringBuilder::append)
        .toString();
  }

  /** Each is followed by a good request, which must not be answered. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("requests")
  void isRefusedAndTheConnectionClosed(String what, String request) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.sendAsFarAsItGoes(request + SMUGGLED);

      assertRefused(connection, 400);
    }
  }

  static Stream<Arguments> bodies() {
    return Stream.of(
        Arguments.of("no size", "zz\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("an empty size", "\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a size below zero", "-3\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a size with a sign", "+3\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a size with a prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a huge size", "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a size that wraps", "8000000000000003\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a size too small", "2\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a bare line feed after the size", "3\nabc\r\n0\r\n\r\n"),
        Arguments.of("a bare line feed after the chunk", "3\r\nabc\n0\r\n\r\n"),
        Arguments.of("a bare line feed in an extension", "3;a\nb\r\nabc\r\n0\r\n\r\n"),
        Arguments.of("a bare carriage return after the size", "3\rabc\r\n0\r\n\r\n"),
        Arguments.of("a trailer without a colon", "3\r\nabc\r\n0\r\nnonsense\r\n\r\n"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("bodies")
  void brokenChunksAreRefusedAndTheConnectionClosed(String what, String body) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.sendAsFarAsItGoes(
          head("PUT /v2/broken/manifests/b HTTP/1.1", "Host: a", CHUNKED) + body + SMUGGLED);

      assertRefused(connection, 400);
    }
    assertThat(registry.get("/v2/broken/manifests/b").statusCode()).isEqualTo(404);
  }

  @Test
  void aLineTooLongIs414() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.sendAsFarAsItGoes(head("GET /v2/" + "a".repeat(100_000) + " HTTP/1.1", "Host: a"));

      assertRefused(connection, 414);
    }
  }

  @Test
  void headersTooLargeAre431() throws IOException {
    for (String headers :
        List.of("X: " + "x".repeat(100_000), "X: x\r\n".repeat(20_000) + "X: x")) {
      try (RawConnection connection = RawConnection.to(server)) {
        connection.sendAsFarAsItGoes(head(GET, "Host: a", headers));

        assertRefused(connection, 431);
      }
    }
  }

  @Test
  void trailersTooLargeAreRefused() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.sendAsFarAsItGoes(
          head("PUT /v2/broken/manifests/b HTTP/1.1", "Host: a", CHUNKED)
              + "3\r\nabc\r\n0\r\n"
              + "X: x\r\n".repeat(20_000)
              + "\r\n");

      assertRefused(connection, 431);
    }
  }

  @Test
  void extensionsOfChunksAreIgnoredAndBounded() throws IOException {
    String put = head("PUT /v2/broken/manifests/b HTTP/1.1", "Host: a", CHUNKED);
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(put + "3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n" + head(GET, "Host: a"));

      assertThat(connection.reply().status()).as("no manifest").isEqualTo(400);
      assertThat(connection.reply().status()).isEqualTo(200);
    }
    try (RawConnection connection = RawConnection.to(server)) {
      connection.sendAsFarAsItGoes(put + "3;a=" + "b".repeat(100_000) + "\r\nabc\r\n0\r\n\r\n");

      assertThat(connection.reply().status()).isBetween(400, 431);
      assertThat(connection.readToEnd()).isEmpty();
    }
  }

  /** The server is no proxy: what asks for a tunnel, or for all of it, is answered and not done. */
  @Test
  void otherFormsOfTargetsAreAnsweredHere() throws IOException {
    for (String line : List.of("CONNECT other.example:443 HTTP/1.1", "OPTIONS * HTTP/1.1")) {
      try (RawConnection connection = RawConnection.to(server)) {
        connection.send(head(line, "Host: a"));

        assertThat(connection.reply().status()).as(line).isBetween(400, 499);
      }
    }
  }

  @Test
  void whatComesAfterTheLastRequestIsNotAnswered() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(head(GET, "Host: a", "Connection: close") + SMUGGLED);

      assertThat(connection.reply().status()).isEqualTo(200);
      assertThat(connection.readToEnd()).isEmpty();
    }
  }

  /** The server reads no further ahead than it answers. */
  @Test
  void aFloodOfRequestsIsAnsweredInOrder() throws Exception {
    int many = 20_000;
    String known = head("HEAD /v2/broken/manifests/a HTTP/1.1", "Host: a");
    String unknown = head("HEAD /v2/broken/manifests/absent HTTP/1.1", "Host: a");
    try (RawConnection connection = RawConnection.to(server)) {
      Thread flood =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  connection.send((known + unknown).repeat(many / 2));
                } catch (IOException e) {
                  throw new UncheckedIOException(e);
                }
              });
      for (int i = 0; i < many; i++) {
        assertThat(connection.replyToHead().status()).isEqualTo(i % 2 == 0 ? 200 : 404);
      }
      flood.join();
    }
  }

  @Test
  void aClientThatSpeaksTlsIsToldOff() throws IOException {
    byte[] hello = new byte[517];
    new Random(2).nextBytes(hello);
    for (int i = 0; i < hello.length; i++) {
      hello[i] = hello[i] == '\n' ? 0 : hello[i];
    }
    System.arraycopy(new byte[] {0x16, 3, 1, 2, 0, 1, 0, 1, (byte) 0xfc, 3, 3}, 0, hello, 0, 11);
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(hello);

      assertRefused(connection, 400);
    }
  }

  @Test
  void aRequestMayComeByteByByte() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (byte b : head(GET, "Host: a", "Accept: */*").getBytes(US_ASCII)) {
        connection.send(new byte[] {b});
      }

      assertThat(connection.reply().status()).isEqualTo(200);
    }
  }

  @Test
  void anEmptyLineBeforeARequestIsIgnored() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send("\r\n" + head(GET, "Host: a"));

      assertThat(connection.reply().status()).isEqualTo(200);
    }
  }

  /** RFC 9112 section 3.2.2: a server must accept it, and must not become a proxy by that. */
  @Test
  void theTargetMayBeAWholeAddress() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(head("GET http://other.internal/v2/broken/manifests/a HTTP/1.1", "Host: a"));
      assertThat(connection.reply().header("Docker-Content-Digest")).isEqualTo(manifest);
      connection.send(head("HEAD HTTPS://other.internal:99/v2/?x=y HTTP/1.1", "Host: a"));
      assertThat(connection.replyToHead().status()).isEqualTo(200);
    }
  }

  @Test
  void anHttp10ClientIsAnsweredAndTheConnectionClosed() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(head("GET /v2/broken/manifests/a HTTP/1.0"));

      assertThat(connection.reply().header("Docker-Content-Digest")).isEqualTo(manifest);
      assertThat(connection.readToEnd()).isEmpty();
    }
  }

  @Test
  void requestsInARowAreAnsweredInOrder() throws IOException {
    var requests = new StringBuilder();
    var expected = new ArrayList<Integer>();
    for (int i = 0; i < 40; i++) {
      requests.append(head("GET /v2/broken/manifests/a HTTP/1.1", "Host: a"));
      expected.add(200);
      requests.append(head("GET /v2/broken/manifests/absent HTTP/1.1", "Host: a"));
      expected.add(404);
      requests.append(head(START, "Host: a", "Content-Length: 0"));
      expected.add(202);
      requests.append(
          head("PUT /v2/broken/manifests/a HTTP/1.1", "Host: a", "Content-Length: 3") + "abc");
      expected.add(400);
      requests.append(
          head("PUT /v2/broken/manifests/a HTTP/1.1", "Host: a", CHUNKED)
              + "3\r\nabc\r\n0\r\n\r\n");
      expected.add(400);
      requests.append(head("DELETE /v2/ HTTP/1.1", "Host: a"));
      expected.add(405);
    }
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(requests.toString());

      var statuses = new ArrayList<Integer>();
      for (int i = 0; i < expected.size(); i++) {
        statuses.add(connection.reply().status());
      }
      assertThat(statuses).isEqualTo(expected);
    }
  }

  @Test
  void aRequestInTheBodyOfAnotherIsNotARequest() throws IOException {
    for (String method : List.of("GET", "HEAD", "DELETE", "PUT")) {
      try (RawConnection connection = RawConnection.to(server)) {
        String line = method + " /v2/broken/manifests/absent HTTP/1.1";
        connection.send(head(line, "Host: a", "Content-Length: " + SMUGGLED.length()) + SMUGGLED);
        connection.send(
            head(line, "Host: a", CHUNKED)
                + Integer.toHexString(SMUGGLED.length())
                + "\r\n"
                + SMUGGLED
                + "\r\n0\r\n\r\n");
        connection.send(head(GET, "Host: a"));

        int status = method.equals("PUT") ? 400 : 404;
        boolean isHead = method.equals("HEAD");
        for (int i = 0; i < 2; i++) {
          RawConnection.Reply reply = isHead ? connection.replyToHead() : connection.reply();
          assertThat(reply.status()).as(method).isEqualTo(status);
        }
        assertThat(connection.reply().header("Docker-Content-Digest")).isEqualTo(manifest);
      }
    }
  }

  /**
   * The reply comes early; what is still sent is read and dropped, so that nobody waits forever.
   */
  @Test
  void aBodyThatNobodyWantsDoesNotBlockTheConnection() throws IOException {
    String unknown = "/v2/broken/blobs/uploads/" + "0".repeat(32);
    String body = "x".repeat(12 << 20);
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(
          head("PATCH " + unknown + " HTTP/1.1", "Host: a", "Content-Length: " + body.length())
              + body);
      connection.send(
          head("PUT /v2/broken/manifests/b HTTP/1.1", "Host: a", CHUNKED)
              + Integer.toHexString(body.length())
              + "\r\n"
              + body
              + "\r\n0\r\n\r\n");
      connection.send(head(GET, "Host: a"));

      assertThat(connection.reply().status()).isEqualTo(404);
      assertThat(connection.reply().status()).isEqualTo(413);
      assertThat(connection.reply().status()).isEqualTo(200);
    }
  }

  @Test
  void clientsThatNeverFinishTheirHeadersDoNotDisturbOthers() throws IOException {
    var slow = new ArrayList<RawConnection>();
    try {
      for (int i = 0; i < 300; i++) {
        slow.add(RawConnection.to(server).send(GET + "\r\nHost: a\r\nX-Slow: "));
      }

      assertThat(registry.get("/v2/broken/manifests/a").statusCode()).isEqualTo(200);
      assertThat(registry.delete("/v2/broken/manifests/absent").statusCode()).isEqualTo(404);

      for (RawConnection connection : slow) {
        connection.send("now\r\n\r\n");
        assertThat(connection.reply().status()).isEqualTo(200);
      }
    } finally {
      for (RawConnection connection : slow) {
        connection.close();
      }
    }
  }

  private static void assertRefused(RawConnection connection, int status) throws IOException {
    RawConnection.Reply reply = connection.reply();
    assertThat(reply.status()).as(reply.body()).isEqualTo(status);
    assertErrorBody(reply.header("Content-Type"), reply.body(), "UNSUPPORTED");
    assertThat(reply.header("Connection")).isEqualToIgnoringCase("close");
    assertThat(connection.readToEnd()).isEmpty();
  }
}
