package dev.cistern.conformance;

import static dev.cistern.conformance.RawConnection.head;
import static dev.cistern.conformance.RegistryClient.assertErrorBody;
import static dev.cistern.conformance.RegistryClient.header;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.http.HttpClient.Version;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The registry over TLS, with what may encrypt. */
class TlsTest {
  private static final int MIB = 1 << 20;
  private static final Pattern REDIRECTING =
      Pattern.compile("redirecting to https address=\"[^\"]*:(\\d+)\"");

  @Nested
  class WithBoringSsl extends Serving {
    WithBoringSsl() {
      super("boringssl");
    }
  }

  @Nested
  class WithTheJdk extends Serving {
    WithTheJdk() {
      super("jdk");
    }
  }

  /** What holds whatever encrypts. */
  @TestInstance(TestInstance.Lifecycle.PER_CLASS)
  abstract static class Serving {
    private final String provider;
    private UpstreamRegistry upstream;
    private TestIdentity identity;
    private CisternServer server;
    private RegistryClient registry;
    private int port;

    Serving(String provider) {
      this.provider = provider;
    }

    @BeforeAll
    void start(@TempDir Path directory) {
      upstream = UpstreamRegistry.start();
      identity = TestIdentity.make(directory, "server");
      server =
          new TestConfig(directory)
              .tls(identity, "provider: " + provider, "redirect: 127.0.0.1:0")
              .upstream("up", upstream, "insecure: true")
              .start();
      registry = new RegistryClient(server, identity.trusting());
      port =
          server.log().stream()
              .map(REDIRECTING::matcher)
              .filter(Matcher::find)
              .map(found -> Integer.parseInt(found.group(1)))
              .findFirst()
              .orElseThrow();
    }

    @AfterAll
    void stop() {
      registry.close();
      server.close();
      upstream.close();
      assertThat(server.complaints()).isEmpty();
    }

    @Test
    void theLogSaysWhatEncrypts() {
      assertThat(server.log()).anyMatch(line -> line.contains("tls=\"" + provider + "\""));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 16_383, 65_536, 65_537, 5_000_011})
    void aBlobComesBackAsItWasPushed(int length) {
      byte[] blob = Samples.bytes(length, length);
      String path = "/v2/pushed/blobs/" + registry.pushBlob("pushed", blob);

      for (int i = 0; i < 3; i++) {
        HttpResponse<byte[]> pulled = registry.get(path);
        assertThat(pulled.statusCode()).isEqualTo(200);
        assertThat(pulled.body()).isEqualTo(blob);
        assertThat(pulled.version()).isEqualTo(Version.HTTP_1_1);
      }
      assertThat(header(registry.head(path), "Content-Length")).isEqualTo("" + length);
    }

    @Test
    void theRedirectIsNotForWebPages() throws IOException {
      try (RawConnection connection = RawConnection.to(port)) {
        for (String line : List.of("Origin: https://evil.example", "Sec-Fetch-Site: cross-site")) {
          connection.send(RawConnection.head("GET /v2/ HTTP/1.1", "Host: localhost", line));
          assertThat(connection.reply().status()).isEqualTo(403);
        }
        connection.send(RawConnection.head("GET /v2/ HTTP/1.1", "Host: evil.example"));
        assertThat(connection.reply().status()).isEqualTo(403);
      }
    }

    @Test
    void aRangeAndSeveralRangesComeExactly() {
      byte[] blob = Samples.bytes(3 * MIB, 7);
      String path = "/v2/ranges/blobs/" + registry.pushBlob("ranges", blob);

      assertThat(registry.get(path, "Range", "bytes=100001-2100000").body())
          .isEqualTo(Arrays.copyOfRange(blob, 100_001, 2_100_001));
      HttpResponse<byte[]> several = registry.get(path, "Range", "bytes=0-99999,1000000-1199999");
      assertThat(several.statusCode()).isEqualTo(206);
      byte[] body = several.body();
      int first = indexOf(body, Arrays.copyOf(blob, 32));
      assertThat(Arrays.copyOfRange(body, first, first + 100_000))
          .isEqualTo(Arrays.copyOf(blob, 100_000));
      int second = indexOf(body, Arrays.copyOfRange(blob, 1_000_000, 1_000_032));
      assertThat(Arrays.copyOfRange(body, second, second + 200_000))
          .isEqualTo(Arrays.copyOfRange(blob, 1_000_000, 1_200_000));
    }

    @Test
    void aColdBlobIsSentWhileItComes() throws Exception {
      byte[] blob = Samples.bytes(4 * MIB, 8);
      String path = "/v2/up/cold/blobs/" + upstream.addBlob("cold", blob);
      var gate = new CountDownLatch(1);
      upstream.next("GET", "/blobs/", new Answer.HeldInBody(3 * MIB, gate));
      try (RawConnection connection = RawConnection.to(server, identity.trusting())) {
        connection.send(head("GET " + path + " HTTP/1.1", "Host: a"));

        byte[] begin = connection.replyUpTo(2 * MIB);
        assertThat(begin).isEqualTo(Arrays.copyOf(blob, 2 * MIB));

        gate.countDown();
        assertThat(connection.bytes(2 * MIB)).isEqualTo(Arrays.copyOfRange(blob, 2 * MIB, 4 * MIB));
      }
      assertThat(registry.get(path).body()).isEqualTo(blob);
    }

    @Test
    void aColdBlobOfUnknownLengthComesWhole() {
      byte[] blob = Samples.bytes(2 * MIB + 5, 9);
      String path = "/v2/up/chunked/blobs/" + upstream.addBlob("chunked", blob);
      upstream.always("GET", "/chunked/blobs/", new Answer.Chunked());

      assertThat(registry.get(path).body()).isEqualTo(blob);
    }

    @Test
    void thePartOfALargeBlobThatIsNotKeptComes() {
      GeneratedBlob large = GeneratedBlob.endless(10, 10L << 30);
      String path = "/v2/up/large/blobs/" + upstream.addBlob("large", large);

      HttpResponse<byte[]> part = registry.get(path, "Range", "bytes=5368709120-5369757695");

      assertThat(part.statusCode()).isEqualTo(206);
      assertThat(part.body()).isEqualTo(large.part(5L << 30, MIB));
    }

    @Test
    void manyClientsOfOneBlobAllGetIt() {
      byte[] blob = Samples.bytes(3 * MIB, 11);
      String path = "/v2/many/blobs/" + registry.pushBlob("many", blob);

      var pulls =
          IntStream.range(0, 12)
              .mapToObj(i -> CompletableFuture.supplyAsync(() -> registry.get(path).body()))
              .toList();

      assertThat(pulls).allSatisfy(pull -> assertThat(pull.join()).isEqualTo(blob));
    }

    @Test
    void whoSendsMuchThatIsRefusedGetsTheReason() throws IOException {
      String target = "/v2/broken/blobs/uploads/?digest=sha256:wrong";
      try (RawConnection connection = RawConnection.to(server, identity.trusting())) {
        connection.send(
            head("POST " + target + " HTTP/1.1", "Host: a", "Content-Length: 99999999"));
        RawConnection.Reply reply = connection.send(new byte[1000]).reply();

        assertThat(reply.status()).isEqualTo(400);
        assertThat(reply.headers()).containsEntry("connection", "close");
        assertThat(connection.isAtEnd()).as("an end, not a reset").isTrue();
      }
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
    void modernProtocolsAreSpoken(String protocol) throws IOException {
      try (SSLSocket socket = socket(identity.trusting(), protocol)) {
        socket.startHandshake();

        assertThat(socket.getSession().getProtocol()).isEqualTo(protocol);
        assertThat(socket.getSession().getCipherSuite()).containsAnyOf("GCM", "CHACHA20");
        assertThat(socket.getApplicationProtocol()).isEqualTo("http/1.1");
      }
    }

    @Test
    void aHelloOfTls11IsRefused() throws IOException {
      // A record of TLS 1.0 with a hello of TLS 1.1, 32 bytes of nonce, one cipher, no extension.
      byte[] hello = new byte[50];
      byte[] begin = {0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2};
      byte[] end = {0, 0, 2, (byte) 0xc0, 0x13, 1, 0};
      System.arraycopy(begin, 0, hello, 0, begin.length);
      System.arraycopy(end, 0, hello, 43, end.length);
      try (RawConnection connection = RawConnection.to(server)) {
        connection.send(hello);

        String answer = connection.readToEnd();
        assertThat(answer).as("an alert: protocol version").startsWith("\25\3").endsWith("\2\106");
      }
    }

    @Test
    void plainHttpIsToldToUseHttps() throws IOException {
      try (RawConnection connection = RawConnection.to(server)) {
        connection.send(head("GET /v2/ HTTP/1.1", "Host: a"));
        RawConnection.Reply reply = connection.reply();

        assertThat(reply.status()).isEqualTo(400);
        assertErrorBody(reply.header("Content-Type"), reply.body(), "UNSUPPORTED");
        assertThat(reply.body()).contains("https://");
        assertThat(connection.readToEnd()).isEmpty();
      }
    }

    @Test
    void noiseIsEndedAndDisturbsNobody() throws IOException {
      for (String noise :
          new String[] {
            "\0".repeat(300), "\26\3\1\2\0" + "x".repeat(600), "\26", "\200\56\1\0\2"
          }) {
        try (RawConnection connection = RawConnection.to(server)) {
          connection.send(noise.repeat(3)).endOfRequests();
          assertThat(connection.readToEnd()).doesNotContain("HTTP/1.1 2");
        }
      }
      assertThat(registry.get("/v2/").statusCode()).isEqualTo(200);
    }

    @Test
    void thePlainPortSendsRequestsOnToHttps() throws IOException {
      try (RawConnection connection = RawConnection.to(port)) {
        connection.send(head("HEAD /v2/a/manifests/b?ns=c HTTP/1.1", "Host: mirror.internal:80"));
        RawConnection.Reply reply = connection.replyToHead();

        assertThat(reply.status()).isEqualTo(308);
        assertThat(reply.header("Location"))
            .isEqualTo("https://mirror.internal:" + server.port() + "/v2/a/manifests/b?ns=c");

        connection.send(head("GET /v2/ HTTP/1.1", "Host: [::1]"));
        assertThat(connection.reply().header("Location"))
            .isEqualTo("https://[::1]:" + server.port() + "/v2/");

        connection.send(head("GET v2 HTTP/1.1", "Host: a"));
        assertThat(connection.reply().status()).isEqualTo(400);
      }
    }

    private SSLSocket socket(SSLContext context, String protocol) throws IOException {
      var socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", server.port());
      socket.setEnabledProtocols(new String[] {protocol});
      var parameters = socket.getSSLParameters();
      parameters.setApplicationProtocols(new String[] {"h2", "http/1.1"});
      socket.setSSLParameters(parameters);
      return socket;
    }
  }

  @Test
  void aChangedCertificateIsForNewConnectionsAndABadOneForNobody(@TempDir Path directory)
      throws IOException {
    TestIdentity first = TestIdentity.make(directory, "first");
    TestIdentity second = TestIdentity.make(directory, "second");
    TestIdentity live = TestIdentity.make(directory, "live");
    replace(live, first);
    try (CisternServer server = new TestConfig(directory).tls(live).start();
        RawConnection old = RawConnection.to(server, first.trusting())) {
      old.send(head("GET /v2/ HTTP/1.1", "Host: a"));
      assertThat(old.reply().status()).isEqualTo(200);

      replace(live, second);

      await()
          .ignoreExceptions()
          .untilAsserted(() -> assertThat(ping(server, second)).isEqualTo(200));
      assertThatThrownBy(() -> ping(server, first)).isInstanceOf(SSLException.class);
      old.send(head("GET /v2/ HTTP/1.1", "Host: a"));
      assertThat(old.reply().status()).as("on the connection from before").isEqualTo(200);

      Files.copy(first.keyFile(), live.keyFile(), StandardCopyOption.REPLACE_EXISTING);
      await()
          .untilAsserted(() ->
              assertThat(server.complaints())
                  .hasSize(1)
                  .first()
                  .asString()
                  .contains("ERROR", "the certificate before stays", "is not that of the first"));
      assertThat(ping(server, second)).isEqualTo(200);

      Files.writeString(live.keyFile(), "nonsense");
      await().untilAsserted(() -> assertThat(server.complaints()).hasSize(2));
      Files.delete(live.keyFile());
      await().untilAsserted(() -> assertThat(server.complaints()).hasSize(3));
      assertThat(ping(server, second)).isEqualTo(200);

      replace(live, first);
      await()
          .ignoreExceptions()
          .untilAsserted(() -> assertThat(ping(server, first)).isEqualTo(200));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"boringssl", "jdk"})
  void clientsShowACertificateWhereOneIsRequired(String provider, @TempDir Path directory)
      throws IOException {
    TestIdentity identity = TestIdentity.make(directory, "server");
    TestIdentity known = TestIdentity.make(directory, "known");
    TestIdentity stranger = TestIdentity.make(directory, "stranger");
    String authorities = "clientCa: " + known.caFile();
    try (CisternServer server =
        new TestConfig(directory)
            .tls(identity, "provider: " + provider, authorities, "clientAuth: require")
            .start()) {
      assertThat(ping(server, identity.trusting(known))).isEqualTo(200);
      await()
          .until(() ->
              server.log().stream().anyMatch(line -> line.contains("certificate=\"CN=upstream\"")));
      assertThatThrownBy(() -> ping(server, identity.trusting())).isInstanceOf(IOException.class);
      assertThatThrownBy(() -> ping(server, identity.trusting(stranger)))
          .isInstanceOf(IOException.class);
      assertThat(server.complaints()).isEmpty();
    }
    try (CisternServer server =
        new TestConfig(directory).tls(identity, "provider: " + provider, authorities).start()) {
      assertThat(ping(server, identity.trusting(known))).isEqualTo(200);
      assertThat(ping(server, identity.trusting())).isEqualTo(200);
      assertThatThrownBy(() -> ping(server, identity.trusting(stranger)))
          .isInstanceOf(IOException.class);
    }
  }

  private static int ping(CisternServer server, TestIdentity trusted) throws IOException {
    return ping(server, trusted.trusting());
  }

  private static int ping(CisternServer server, SSLContext context) throws IOException {
    try (RawConnection connection = RawConnection.to(server, context)) {
      connection.send(head("GET /v2/ HTTP/1.1", "Host: a"));
      return connection.reply().status();
    }
  }

  private static void replace(TestIdentity live, TestIdentity by) throws IOException {
    Files.copy(by.caFile(), live.caFile(), StandardCopyOption.REPLACE_EXISTING);
    Files.copy(by.keyFile(), live.keyFile(), StandardCopyOption.REPLACE_EXISTING);
  }

  private static int indexOf(byte[] all, byte[] part) {
    return new String(all, ISO_8859_1).indexOf(new String(part, ISO_8859_1));
  }
}
