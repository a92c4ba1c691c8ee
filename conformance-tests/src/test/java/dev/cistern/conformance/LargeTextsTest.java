package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Many texts at a time that are as long as may be, and far larger once they are parsed: the server
 * goes on, with the heap that it always has.
 */
class LargeTextsTest {
  private static final int MANY = 24;
  private static final int STALLED = 80;
  private static final int MANIFEST_BYTES = 4 << 20;
  private static final int OBJECT_BYTES = 3 << 20;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Of the metrics: that some were refused. */
  private static final Pattern REFUSED =
      Pattern.compile("cistern_refused_total\\{reason=\"memory\"} [1-9]");

  @TempDir Path directory;

  private final UpstreamRegistry upstream = UpstreamRegistry.start();

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  @BeforeEach
  void start() {
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
    client = new TestClient(server);
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    upstream.close();
  }

  /** Returns a manifest of this length, most of which are objects without anything. */
  private static byte[] hostile(int number) {
    String begin = new String(Samples.manifest("hostile " + number), UTF_8).strip();
    String head = begin.substring(0, begin.length() - 1) + ",\"more\":[{}";
    int count = (MANIFEST_BYTES - head.length() - 2) / 3;
    return (head + ",{}".repeat(count) + "]}").getBytes(UTF_8);
  }

  /** Returns one of many layers, which is as good as any. */
  private static byte[] honest(int number) {
    return honest(number, (MANIFEST_BYTES - 1000) / 150);
  }

  private static byte[] honest(int number, int count) {
    String layer = ManifestText.descriptor("a/b", Samples.digest(new byte[] {(byte) number}), 1);
    return "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"config\":%s,\"layers\":[%s]}"
        .formatted(Samples.IMAGE, layer, String.join(",", Collections.nCopies(count, layer)))
        .getBytes(UTF_8);
  }

  private static List<Integer> statuses(IntFunction<Answered> request) {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<CompletableFuture<Answered>> answers =
          IntStream.range(0, MANY)
              .mapToObj(i -> CompletableFuture.supplyAsync(() -> request.apply(i), threads))
              .toList();
      return answers.stream().map(answer -> answer.join().status()).toList();
    }
  }

  @Test
  void manifestsOfClients() {
    assertThat(
            statuses(i -> client.putManifest("/v2/team/honest" + i + "/manifests/v1", honest(i))))
        .isSubsetOf(201, 429)
        .contains(201);
    assertThat(statuses(i -> client.putManifest("/v2/team/app" + i + "/manifests/v1", hostile(i))))
        .isSubsetOf(400, 429)
        .contains(400);
  }

  @Test
  void manifestsOfUpstreams() {
    for (int i = 0; i < MANY; i++) {
      upstream.addManifest("team/app" + i, hostile(i), "v1");
      upstream.addManifest("team/honest" + i, honest(i), "v1");
    }

    assertThat(statuses(i -> client.get("/v2/up/team/app" + i + "/manifests/v1")))
        .allMatch(status -> status >= 400);
    assertThat(statuses(i -> client.get("/v2/up/team/honest" + i + "/manifests/v1"))).contains(200);
  }

  @Test
  void objects() {
    String hostile =
        "{\"apiVersion\":\"image.openshift.io/v1\",\"kind\":\"ImageStream\",\"spec\":{\"tags\":[{}"
            + ",{}".repeat(OBJECT_BYTES / 3 - 100)
            + "]}}";

    assertThat(statuses(i -> client.post(ApiClient.streams("team"), "application/json", hostile)))
        .isSubsetOf(400, 429)
        .contains(400);
  }

  @Test
  void repliesThatNobodyTakes() throws IOException {
    assertThat(client.putManifest("/v2/team/long/manifests/v1", honest(1)).status()).isEqualTo(201);
    assertThat(client.putManifest("/v2/team/short/manifests/v1", honest(1, 2)).status())
        .isEqualTo(201);
    var sockets = new ArrayList<Socket>();
    try {
      for (int i = 0; i < STALLED; i++) {
        var socket = new Socket();
        sockets.add(socket);
        socket.setReceiveBufferSize(4096);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
        String head = "GET /v2/team/long/manifests/v1?" + i + "=1 HTTP/1.1\r\nHost: x\r\n\r\n";
        socket.getOutputStream().write(head.getBytes(UTF_8));
      }
      await().atMost(PATIENCE).until(() -> REFUSED.matcher(client.get("/metrics").text()).find());
      assertThat(client.get("/v2/team/short/manifests/v1").bytes()).isEqualTo(honest(1, 2));
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
    await()
        .atMost(PATIENCE)
        .untilAsserted(() ->
            assertThat(client.get("/v2/team/long/manifests/v1?again=1").bytes())
                .isEqualTo(honest(1)));
  }

  @Test
  void whoStopsInALongOneKeepsNobodyWithAShortOneWaiting() throws IOException {
    var stalled = new ArrayList<RawConnection>();
    try {
      for (int i = 0; i < STALLED; i++) {
        RawConnection connection = RawConnection.to(server);
        stalled.add(connection);
        connection.send(
            "PUT /v2/team/app/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: "
                + MANIFEST_BYTES
                + "\r\n\r\n"
                + " ".repeat(1 << 20));
      }
      for (int i = 0; i < MANY; i++) {
        assertThat(
                client
                    .putManifest("/v2/team/small/manifests/v" + i, Samples.manifest("" + i))
                    .status())
            .isEqualTo(201);
      }
    } finally {
      for (RawConnection connection : stalled) {
        connection.close();
      }
    }
  }
}
