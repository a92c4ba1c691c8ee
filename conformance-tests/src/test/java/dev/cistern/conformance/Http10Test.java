package dev.cistern.conformance;

import static dev.cistern.conformance.RawConnection.head;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Clients of HTTP/1.0 know no chunks: a response whose length is unknown ends with its connection,
 * so only a clean end may mean that it is whole (RFC 9112 sections 6.1 and 8).
 */
class Http10Test {
  private static final int SIZE = 1 << 20;
  private static final String LIST = "/apis/image.openshift.io/v1/imagestreams";
  private static final String WATCH = LIST + "?watch=true&timeoutSeconds=";

  private static final Map<Transport, CisternServer> SERVERS = new EnumMap<>(Transport.class);
  private static UpstreamRegistry upstream;
  private static TestIdentity identity;
  private static int blobs;

  enum Transport {
    PLAIN,
    TLS
  }

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    identity = TestIdentity.make(directory, "server");
    for (Transport transport : Transport.values()) {
      SERVERS.put(transport, start(transport, directory.resolve(transport.name())));
    }
  }

  private static CisternServer start(Transport transport, Path directory) {
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    TestConfig config = new TestConfig(directory).upstream("up", upstream, "insecure: true");
    return (transport == Transport.TLS ? config.tls(identity) : config).start();
  }

  @AfterAll
  static void stop() {
    SERVERS.values().forEach(CisternServer::close);
    upstream.close();
  }

  private static CisternServer server(Transport transport) {
    return Objects.requireNonNull(SERVERS.get(transport));
  }

  private static RawConnection connect(Transport transport) throws IOException {
    return connect(transport, server(transport));
  }

  private static RawConnection connect(Transport transport, CisternServer server)
      throws IOException {
    return transport == Transport.TLS
        ? RawConnection.to(server, identity.trusting())
        : RawConnection.to(server);
  }

  private static String get(String path, String... lines) {
    return head(
        Stream.concat(Stream.of("GET " + path + " HTTP/1.0"), Stream.of(lines))
            .toArray(String[]::new));
  }

  private static RawConnection.Reply assertHead(RawConnection connection) throws IOException {
    RawConnection.Reply reply = connection.replyToHead();
    assertThat(reply.status()).isEqualTo(200);
    assertThat(reply.headers()).doesNotContainKeys("transfer-encoding", "content-length");
    assertThat(reply.header("Connection")).isEqualTo("close");
    return reply;
  }

  @ParameterizedTest
  @EnumSource
  void withoutALengthAWholeReplyEndsCleanly(Transport transport) throws IOException {
    for (String line : List.of("Connection: keep-alive", "Connection: close", "X: y")) {
      try (RawConnection connection = connect(transport)) {
        connection.send(get(LIST, "Host: localhost", line));
        assertHead(connection);
        assertThat(connection.toCleanEnd()).isEqualTo(list(transport));
      }
    }
    try (RawConnection connection = connect(transport)) {
      connection.send(get(WATCH + 1, "Host: localhost", "Connection: keep-alive"));
      assertHead(connection);
      assertThat(connection.toCleanEnd()).isEmpty();
    }
    byte[] content = Samples.bytes(SIZE, ++blobs);
    String digest = upstream.addBlob("app", content);
    var gate = new CountDownLatch(1);
    upstream.next(
        "GET", digest, Answer.all(new Answer.Chunked(), new Answer.HeldInBody(SIZE / 2, gate)));
    try (RawConnection connection = connect(transport)) {
      connection.send(get("/v2/up/app/blobs/" + digest, "Host: localhost"));
      assertHead(connection);
      gate.countDown();
      assertThat(connection.toCleanEnd().getBytes(ISO_8859_1)).isEqualTo(content);
    }
  }

  private static String list(Transport transport) {
    CisternServer server = server(transport);
    try (var client =
        transport == Transport.TLS
            ? new RegistryClient(server, identity.trusting())
            : new RegistryClient(server)) {
      return new String(client.get(LIST).body(), ISO_8859_1);
    }
  }

  static Stream<Arguments> faults() {
    return Arrays.stream(Transport.values())
        .flatMap(transport ->
            Stream.of(
                    new Answer.Cut(SIZE / 2),
                    new Answer.Flipped(3),
                    new Answer.Flipped(SIZE - 1),
                    new Answer.Shortened(1),
                    new Answer.Lengthened(1))
                .map(fault -> Arguments.of(transport, fault)));
  }

  @ParameterizedTest
  @MethodSource("faults")
  void anAbortedReplyEndsWithAReset(Transport transport, Answer fault) throws IOException {
    String digest = upstream.addBlob("app", Samples.bytes(SIZE, ++blobs));
    upstream.always("GET", digest, new Answer.Cut(0));
    var gate = new CountDownLatch(1);
    upstream.next(
        "GET",
        digest,
        Answer.all(new Answer.Chunked(), new Answer.HeldInBody(SIZE / 4, gate), fault));
    try (RawConnection connection = connect(transport)) {
      connection.send(get("/v2/up/app/blobs/" + digest, "Host: localhost"));
      assertHead(connection);
      gate.countDown();
      assertThatThrownBy(connection::toCleanEnd).isInstanceOf(IOException.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aReplyThatTheEndOfTheServerCutsEndsWithAReset(Transport transport, @TempDir Path directory)
      throws IOException {
    try (CisternServer server = start(transport, directory);
        RawConnection connection = connect(transport, server)) {
      connection.send(get(WATCH + 3600, "Host: localhost"));
      assertHead(connection);
      server.kill();
      assertThatThrownBy(connection::toCleanEnd).isInstanceOf(IOException.class);
    }
  }

  @Test
  void withALengthTheConnectionMayBeKept() throws IOException {
    try (RawConnection connection = connect(Transport.PLAIN)) {
      for (int i = 0; i < 2; i++) {
        connection.send(get("/v2/", "Host: localhost", "Connection: keep-alive"));
        assertThat(connection.reply().body()).isEqualTo("{}");
      }
      connection.send(get("/v2/"));
      RawConnection.Reply last = connection.reply();
      assertThat(last.header("Content-Length")).isEqualTo("2");
      assertThat(last.header("Connection")).isEqualTo("close");
      assertThat(connection.isAtEnd()).isTrue();
    }
  }
}
