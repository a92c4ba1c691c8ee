package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.ConnectException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** SIGTERM and SIGINT: what is in flight runs to its end, and whatever hangs does not hold it. */
class ShutdownTest {
  /** More than the kernel keeps for a client that does not read. */
  private static final int LARGE = 24 << 20;

  private static final int HALF = 1 << 19;
  private static final byte[] BLOB = Samples.bytes(LARGE, 7);
  private static final byte[] SMALL = Samples.bytes(2 * HALF, 8);
  private static final String REPOSITORY = "drain/app";

  /** A request that is in flight when the signal comes. */
  enum Kind {
    STORED_BLOB,
    STORED_BLOB_TLS,
    FOLLOWED_FILL,
    MANIFEST_OF_UPSTREAM,
    PUSHED_BLOB,
    PUSHED_CHUNK,
    PUSHED_MANIFEST
  }

  /** The client of a request, before the signal and after it. */
  private interface Client extends AutoCloseable {
    /** Lets the request run to its end and asserts that it is whole. */
    void finish() throws IOException;

    @Override
    void close() throws IOException;
  }

  @ParameterizedTest
  @EnumSource
  void aRequestInFlightRunsToItsEnd(Kind kind, @TempDir Path directory) throws IOException {
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      var config = new TestConfig(directory).upstream("up", upstream, "insecure: true");
      Optional<TestIdentity> identity =
          kind == Kind.STORED_BLOB_TLS
              ? Optional.of(TestIdentity.make(directory))
              : Optional.empty();
      identity.ifPresent(config::tls);
      try (CisternServer server = config.start();
          Client client = begin(kind, server, upstream, identity, gate)) {
        server.terminate();
        awaitClosed(server);
        assertThat(server.isAlive()).isTrue();
        gate.countDown();
        client.finish();

        assertThat(server.exitStatus()).as(server.state()).isZero();
        assertThat(stopped(server, "cut")).isZero();
        assertThat(stopped(server, "drained")).isEqualTo(1);
        assertThat(server.complaints()).isEmpty();
      }
    }
  }

  private static Client begin(
      Kind kind,
      CisternServer server,
      UpstreamRegistry upstream,
      Optional<TestIdentity> identity,
      CountDownLatch gate)
      throws IOException {
    String digest = Samples.digest(BLOB);
    return switch (kind) {
      case STORED_BLOB -> {
        try (RegistryClient pusher = new RegistryClient(server)) {
          pusher.pushBlob(REPOSITORY, BLOB);
        }
        yield reading(server, "/v2/" + REPOSITORY + "/blobs/" + digest, BLOB);
      }
      case STORED_BLOB_TLS -> {
        try (RegistryClient pusher =
            new RegistryClient(server, identity.orElseThrow().trusting())) {
          pusher.pushBlob(REPOSITORY, BLOB);
        }
        yield readingTls(RawConnection.to(server, identity.orElseThrow().trusting()), digest);
      }
      case FOLLOWED_FILL -> {
        upstream.addBlob("app", SMALL);
        upstream.always("GET", "/blobs/", new Answer.HeldInBody(HALF, gate));
        yield reading(server, "/v2/up/app/blobs/" + Samples.digest(SMALL), SMALL);
      }
      case MANIFEST_OF_UPSTREAM -> {
        byte[] manifest = Samples.manifest("drained");
        upstream.addManifest("app", manifest, "v1");
        upstream.always("GET", "/manifests/", new Answer.HeldInHead(gate));
        Download download = Download.begin(server, "/v2/up/app/manifests/v1");
        await().until(() -> !upstream.requests().isEmpty());
        yield ending(download, manifest);
      }
      case PUSHED_BLOB ->
          sending(
              server,
              "POST /v2/" + REPOSITORY + "/blobs/uploads/?digest=" + Samples.digest(SMALL),
              SMALL,
              201);
      case PUSHED_CHUNK -> {
        String location;
        try (RegistryClient pusher = new RegistryClient(server)) {
          location = pusher.startUpload(REPOSITORY);
        }
        yield sending(server, "PATCH " + path(location), SMALL, 202);
      }
      case PUSHED_MANIFEST ->
          sending(
              server,
              "PUT /v2/" + REPOSITORY + "/manifests/v1",
              ManifestText.index("", "").getBytes(UTF_8),
              201);
    };
  }

  private static Client reading(CisternServer server, String path, byte[] blob) {
    Download download = Download.begin(server, path);
    download.first(1000);
    return ending(download, blob);
  }

  private static Client ending(Download download, byte[] content) {
    return new Client() {
      @Override
      public void finish() {
        assertThat(download.finish(content).isExact()).isTrue();
      }

      @Override
      public void close() {
        download.close();
      }
    };
  }

  private static Client readingTls(RawConnection connection, String digest) throws IOException {
    connection.send(
        RawConnection.head(
            "GET /v2/" + REPOSITORY + "/blobs/" + digest + " HTTP/1.1", "Host: localhost"));
    byte[] first = connection.replyUpTo(1000);
    return new Client() {
      @Override
      public void finish() throws IOException {
        byte[] rest = connection.bytes(BLOB.length - first.length);
        assertThat(first).isEqualTo(Arrays.copyOf(BLOB, first.length));
        assertThat(rest).isEqualTo(Arrays.copyOfRange(BLOB, first.length, BLOB.length));
      }

      @Override
      public void close() throws IOException {
        connection.close();
      }
    };
  }

  /** Sends the first half of a body, and the second half after the signal. */
  private static Client sending(CisternServer server, String request, byte[] body, int status)
      throws IOException {
    RawConnection connection = RawConnection.to(server);
    int half = body.length / 2;
    connection.send(
        RawConnection.head(
            request + " HTTP/1.1",
            "Host: localhost",
            "Content-Type: " + ManifestText.OCI_INDEX,
            "Content-Length: " + body.length));
    connection.send(Arrays.copyOf(body, half));
    try (TestClient other = new TestClient(server)) {
      await()
          .untilAsserted(
              () -> assertThat(other.get("/metrics").text()).contains("cistern_connections 2"));
    }
    return new Client() {
      @Override
      public void finish() throws IOException {
        RawConnection.Reply reply =
            connection.send(Arrays.copyOfRange(body, half, body.length)).reply();
        assertThat(reply.status()).as("%s", reply).isEqualTo(status);
        assertThat(reply.header("Connection")).isEqualTo("close");
      }

      @Override
      public void close() throws IOException {
        connection.close();
      }
    };
  }

  @Test
  void readinessGoesAtOnceAndConnectionsAreAcceptedForTheDelay(@TempDir Path directory)
      throws IOException {
    var config = new TestConfig(directory).line("drain: {delay: 1h}");
    try (CisternServer server = config.start();
        TestClient client = new TestClient(server)) {
      assertThat(client.get("/readyz").status()).isEqualTo(200);
      assertThat(client.get("/metrics").text()).contains("cistern_draining 0");
      server.terminate();
      awaitLine(server, "stopping");

      await().untilAsserted(() -> assertThat(client.get("/readyz").status()).isEqualTo(503));
      assertThat(client.get("/readyz").text()).isEqualTo("draining\n");
      assertThat(client.get("/healthz").status()).isEqualTo(200);
      assertThat(client.get("/metrics").text()).contains("cistern_draining 1");
      try (RawConnection late = RawConnection.to(server)) {
        late.send(RawConnection.head("GET /v2/ HTTP/1.1", "Host: localhost"));
        RawConnection.Reply reply = late.reply();
        assertThat(reply.status()).isEqualTo(200);
        assertThat(reply.header("Connection")).isEmpty();
      }
    }
  }

  @Test
  void anOpenConnectionIsServedOnceMoreAndAnIdleOneIsClosed(@TempDir Path directory)
      throws IOException {
    String ping = RawConnection.head("GET /v2/ HTTP/1.1", "Host: localhost");
    try (CisternServer server = CisternServer.start(directory);
        RawConnection idle = RawConnection.to(server);
        RawConnection busy = RawConnection.to(server);
        RawConnection pipelined = RawConnection.to(server)) {
      assertThat(idle.send(ping).reply().status()).isEqualTo(200);
      assertThat(busy.send(ping).reply().status()).isEqualTo(200);
      busy.send("GET /v2/ HTTP/1.1\r\n"); // a request that has begun
      pipelined.send(ping.substring(0, 10));
      server.terminate();
      awaitClosed(server);

      assertThat(idle.isAtEnd()).isTrue();
      RawConnection.Reply last = busy.send("Host: localhost\r\n\r\n").reply();
      assertThat(last.status()).isEqualTo(200);
      assertThat(last.header("Connection")).isEqualTo("close");
      assertThat(busy.isAtEnd()).isTrue();
      pipelined.send(ping.substring(10) + ping + ping);
      assertThat(pipelined.readToEnd()).containsOnlyOnce("200 OK").contains("connection: close");
      busy.close();
      pipelined.close();
      assertThat(server.exitStatus()).isZero();
    }
  }

  @Test
  void aClientThatNeverReadsIsCutAfterTheTimeout(@TempDir Path directory) throws IOException {
    var config = new TestConfig(directory).line("drain: {timeout: 1s}");
    try (CisternServer server = config.start();
        RegistryClient pusher = new RegistryClient(server)) {
      String digest = pusher.pushBlob(REPOSITORY, BLOB);
      String path = "/v2/" + REPOSITORY + "/blobs/" + digest;
      try (Download unread = Download.begin(server, path);
          RawConnection unsent = RawConnection.to(server)) {
        assertThat(unread.status()).isEqualTo(200);
        unsent.send(
            RawConnection.head(
                "POST /v2/" + REPOSITORY + "/blobs/uploads/?digest=" + digest + " HTTP/1.1",
                "Host: localhost",
                "Content-Length: " + LARGE));
        await().untilAsserted(() -> assertThat(uploads(directory)).isNotEmpty());
        server.terminate();

        assertThat(server.exitStatus()).isZero();
        assertThat(stopped(server, "cutReplies")).isEqualTo(1);
        assertThat(stopped(server, "cutPushes")).isEqualTo(1);
        assertThat(stopped(server, "cut")).isEqualTo(2);
      }
    }
  }

  private static List<Path> uploads(Path directory) throws IOException {
    try (Stream<Path> files = Files.list(directory.resolve("data/uploads"))) {
      return files.toList();
    }
  }

  @Test
  void aWatchEndsCleanlyAtOnce(@TempDir Path directory) {
    var config = new TestConfig(directory).line("drain: {delay: 1h}");
    try (CisternServer server = config.start();
        ApiClient api = new ApiClient(server)) {
      api.makeNamespace("team");
      String path = ApiClient.streams("team") + "?watch=true&resourceVersion=";
      long revision =
          api.get(ApiClient.streams("team"))
              .json()
              .path("metadata")
              .path("resourceVersion")
              .asLong(1);
      try (Download watch = Download.begin(server, path + revision)) {
        assertThat(watch.status()).isEqualTo(200);
        server.terminate();
        assertThat(watch.finish(new byte[0]).isComplete()).isTrue();
      }
      awaitLine(server, "stopping");
      assertThat(api.get(path + revision).status())
          .as("so that clients pause before they watch again")
          .isEqualTo(503);
    }
  }

  @Test
  void aChunkedUploadGoesOnAfterARestart(@TempDir Path directory) {
    var config = new TestConfig(directory);
    String location;
    try (CisternServer server = config.start();
        RegistryClient client = new RegistryClient(server)) {
      location = path(client.startUpload(REPOSITORY));
      assertThat(client.patch(location, Arrays.copyOf(SMALL, HALF)).statusCode()).isEqualTo(202);
      server.terminate();
      assertThat(server.exitStatus()).isZero();
    }
    try (CisternServer server = config.start();
        RegistryClient client = new RegistryClient(server)) {
      String last = location + "?digest=" + Samples.digest(SMALL);
      byte[] rest = Arrays.copyOfRange(SMALL, HALF, SMALL.length);
      assertThat(client.put(last, rest).statusCode()).isEqualTo(201);
    }
  }

  @Test
  void aDownloadThatNobodyFollowsIsKeptForTheNextStart(@TempDir Path directory) {
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      String digest = upstream.addBlob("app", SMALL);
      upstream.next("GET", "/blobs/", new Answer.HeldInBody(HALF, gate));
      var config = new TestConfig(directory).upstream("up", upstream, "insecure: true");
      String path = "/v2/up/app/blobs/" + digest;
      try (CisternServer server = config.start()) {
        try (Download left = Download.begin(server, path)) {
          left.first(HALF - 1);
        }
        server.terminate();
        assertThat(server.exitStatus()).isZero();
        assertThat(stopped(server, "fillsKept")).isEqualTo(1);
        assertThat(server.complaints()).isEmpty();
      }
      try (CisternServer server = config.start()) {
        assertThat(Download.of(server, path, SMALL).isExact()).isTrue();
      }
      assertThat(upstream.requests().getLast().header("range")).contains("bytes=" + HALF + "-");
      gate.countDown();
    }
  }

  @Test
  void aDownloadThatNobodyFollowsMayEndWithinItsTime(@TempDir Path directory) {
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      String digest = upstream.addBlob("app", SMALL);
      upstream.next("GET", "/blobs/", new Answer.HeldInBody(HALF, gate));
      var config =
          new TestConfig(directory)
              .upstream("up", upstream, "insecure: true")
              .line("drain: {fills: 30s}");
      String path = "/v2/up/app/blobs/" + digest;
      try (CisternServer server = config.start()) {
        try (Download left = Download.begin(server, path)) {
          left.first(HALF - 1);
        }
        server.terminate();
        awaitClosed(server);
        gate.countDown();
        assertThat(server.exitStatus()).isZero();
        assertThat(stopped(server, "fillsKept")).isZero();
      }
      int before = upstream.requests().size();
      try (CisternServer server = config.start()) {
        assertThat(Download.of(server, path, SMALL).isExact()).isTrue();
      }
      assertThat(upstream.requests()).hasSize(before);
    }
  }

  @Test
  void aPreheatBringsNothingMore(@TempDir Path directory) {
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start()) {
      List<byte[]> layers = List.of(SMALL, Samples.bytes(1000, 9));
      layers.forEach(layer -> upstream.addBlob("app", layer));
      upstream.addBlob("app", "{}".getBytes(UTF_8));
      upstream.addManifest("app", Samples.manifestOf(layers), "v1");
      upstream.always("GET", Samples.digest(SMALL), new Answer.HeldInBody(HALF, gate));
      var config = new TestConfig(directory).upstream("up", upstream, "insecure: true");
      try (CisternServer server = config.start();
          TestClient client = new TestClient(server)) {
        String order = "{\"references\":[\"up/app:v1\"]}";
        assertThat(client.post("/admin/preheat", "application/json", order).status())
            .isEqualTo(202);
        await()
            .until(() ->
                upstream.requests().stream()
                    .anyMatch(request -> request.is("GET", Samples.digest(SMALL))));
        server.terminate();
        assertThat(server.exitStatus()).isZero();
      }
      assertThat(upstream.requests())
          .noneMatch(request -> request.is("GET", Samples.digest(layers.get(1))));
      gate.countDown();
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void aSecondSignalEndsAtOnce(String first, String second, int status, @TempDir Path directory)
      throws IOException {
    Path config =
        Files.writeString(directory.resolve("cistern.yaml"), "drain: {delay: 1h}\n", UTF_8);
    try (CisternServer server =
        CisternServer.startBy(
            hearsInterrupts(), directory.resolve("data"), "--config", config.toString())) {
      server.signal(first);
      awaitLine(server, "stopping");
      server.signal(second);

      assertThat(server.exitStatus()).isEqualTo(status);
      awaitLine(server, "second signal, ending at once");
    }
  }

  /**
   * Returns how to start a process that is not deaf to SIGINT: a shell starts what runs in its
   * background so, and children inherit it.
   */
  private static List<String> hearsInterrupts() throws IOException {
    Path status = Path.of("/proc/self/status");
    boolean isDeaf =
        Files.exists(status)
            && Files.readAllLines(status, UTF_8).stream()
                .filter(line -> line.startsWith("SigIgn:"))
                .anyMatch(line -> (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 2) != 0);
    return isDeaf ? List.of("env", "--default-signal=INT") : List.of();
  }

  static Stream<Arguments> pairs() {
    return Stream.of(Arguments.of("TERM", "TERM", 143), Arguments.of("INT", "INT", 130));
  }

  /** Waits until no connection is accepted any more. */
  private static void awaitClosed(CisternServer server) {
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(() ->
            assertThatThrownBy(() -> RawConnection.to(server).close())
                .isInstanceOf(ConnectException.class));
  }

  private static void awaitLine(CisternServer server, String words) {
    await().until(() -> server.log().stream().anyMatch(line -> line.contains(words)));
  }

  /** Returns a number of the line that is logged last. */
  private static int stopped(CisternServer server, String key) {
    awaitLine(server, " stopped ");
    String last =
        server.log().stream().filter(line -> line.contains(" stopped ")).findFirst().orElseThrow();
    Matcher value = Pattern.compile(key + "=\"(\\d+)\"").matcher(last);
    assertThat(value.find()).as(last).isTrue();
    return Integer.parseInt(value.group(1));
  }

  private static String path(String location) {
    return location.replaceFirst("^https?://[^/]+", "");
  }
}
