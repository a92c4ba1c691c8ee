package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Thousands who begin and do not go on: they are cut when their time is over, and until then nobody
 * else notices. {@code -Dcistern.slowClients=10000} takes as many as that.
 */
class SlowClientsTest {
  private static final int CLIENTS = Integer.getInteger("cistern.slowClients", 1000);
  private static final int TWO_OF_FIVE = CLIENTS / 5 * 2;
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int PULLS = 200;
  private static final int LARGEST_HEAP = 256 << 20;

  /** Each hangs in another place. */
  private static final List<String> BEGINNINGS =
      List.of(
          "",
          "GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ",
          "PUT /v2/slow/manifests/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{",
          "POST /v2/slow/blobs/uploads/?digest=sha256:"
              + "0".repeat(64)
              + " HTTP/1.1\r\nHost: a\r\n"
              + "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
          "GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n");

  @Test
  void theyAreCutAndDisturbNobody(@TempDir Path directory) throws IOException {
    byte[] blob = Samples.bytes(1 << 20, 1);
    var slow = new ArrayList<SocketChannel>();
    try (CisternServer server =
            new TestConfig(directory)
                .line("limits: {connections: 20000, requestsPerClient: 20000,")
                .line("  header: 20s, idle: 20s}")
                .line("logs: {access: false}")
                .start();
        var registry = new RegistryClient(server)) {
      String path = "/v2/fast/blobs/" + registry.pushBlob("fast", blob);
      pull(registry, path, blob);
      long before = pull(registry, path, blob);
      for (int i = 0; i < CLIENTS; i++) {
        slow.add(begin(server, BEGINNINGS.get(i % BEGINNINGS.size())));
      }
      double connected = metric(registry, "cistern_connections ");
      long among = pull(registry, path, blob);

      System.out.printf(
          "%,.0f connections, slow: %.0f pulls/s of 1 MiB among them, %.0f without%n",
          connected, PULLS * 1e9 / among, PULLS * 1e9 / before);
      await()
          .atMost(PATIENCE)
          .untilAsserted(
              () -> assertThat(metric(registry, "cistern_connections ")).isLessThanOrEqualTo(8));
      assertThat(metric(registry, "cistern_refused_total{reason=\"slow-head\"} "))
          .isGreaterThanOrEqualTo(TWO_OF_FIVE);
      assertThat(metric(registry, "cistern_refused_total{reason=\"slow-body\"} "))
          .isGreaterThanOrEqualTo(TWO_OF_FIVE);
      assertThat(heap(registry)).isLessThan(LARGEST_HEAP);
      pull(registry, path, blob);
      assertThat(server.complaints()).isEmpty();
    } finally {
      for (SocketChannel one : slow) {
        one.close();
      }
    }
  }

  private static SocketChannel begin(CisternServer server, String text) throws IOException {
    SocketChannel channel =
        SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.port()));
    channel.write(ByteBuffer.wrap(text.getBytes(ISO_8859_1)));
    return channel;
  }

  /** Returns how many nanoseconds the pulls took. */
  private static long pull(RegistryClient registry, String path, byte[] blob) {
    long begun = System.nanoTime();
    for (int i = 0; i < PULLS; i++) {
      assertThat(registry.get(path).body()).isEqualTo(blob);
    }
    return System.nanoTime() - begun;
  }

  private static double heap(RegistryClient registry) {
    return RegistryClient.text(registry.get("/metrics"))
        .lines()
        .filter(line -> line.startsWith("jvm_memory_used_bytes{area=\"heap\""))
        .mapToDouble(SlowClientsTest::value)
        .sum();
  }

  private static double metric(RegistryClient registry, String name) {
    return RegistryClient.text(registry.get("/metrics"))
        .lines()
        .filter(line -> line.startsWith(name))
        .mapToDouble(SlowClientsTest::value)
        .findFirst()
        .orElseThrow();
  }

  private static double value(String line) {
    return Double.parseDouble(line.substring(line.lastIndexOf(' ')));
  }
}
