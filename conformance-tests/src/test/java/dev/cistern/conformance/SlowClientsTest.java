package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Thousands who begin and do not go on: they are cut when their time is over, and until then nobody
 * else notices. {@code -Dcistern.slowClients=10000} takes as many as that.
 */
class SlowClientsTest {
  private static final int CLIENTS = Integer.getInteger("cistern.slowClients", 1000);
  private static final String DEADLINE = Math.max(8, CLIENTS / 500) + "s";
  private static final int TWO_OF_FIVE = CLIENTS / 5 * 2;
  private static final int A_FIFTH = CLIENTS / 5;
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int PULLS = 200;
  private static final int LARGEST_HEAP = 256 << 20;

  /** Each hangs in another place: before its request, in its head, in its body or after it. */
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

  /** What a client begins a connection with, and its first bytes. */
  private interface Beginning {
    AutoCloseable with(String text) throws IOException;
  }

  @Test
  void theyAreCutAndDisturbNobody(@TempDir Path directory) throws Exception {
    try (CisternServer server = patient(new TestConfig(directory)).start();
        var registry = new RegistryClient(server)) {
      theyAreCut(server, registry, text -> RawConnection.to(server).send(text));
      assertThat(refused(registry, "slow-head")).isGreaterThanOrEqualTo(TWO_OF_FIVE);
    }
  }

  /** Those who say nothing hang in the handshake here; the others after it. */
  @Test
  void overTlsTheyAreCutAndDisturbNobody(@TempDir Path directory) throws Exception {
    TestIdentity identity = TestIdentity.make(directory);
    SSLContext context = identity.trusting();
    try (CisternServer server = patient(new TestConfig(directory).tls(identity)).start();
        var registry = new RegistryClient(server, context)) {
      theyAreCut(
          server,
          registry,
          text ->
              text.isEmpty()
                  ? RawConnection.to(server)
                  : RawConnection.to(server, context).send(text));
      assertThat(refused(registry, "slow-handshake")).isGreaterThanOrEqualTo(A_FIFTH);
      assertThat(refused(registry, "slow-head")).isGreaterThanOrEqualTo(A_FIFTH);
    }
  }

  private static TestConfig patient(TestConfig config) {
    return config
        .line("limits: {connections: 15000, requestsPerClient: 15000,")
        .line("  handshake: %1$s, header: %1$s, idle: %1$s}".formatted(DEADLINE))
        .line("logs: {access: false}");
  }

  private static void theyAreCut(CisternServer server, RegistryClient registry, Beginning client)
      throws Exception {
    byte[] blob = Samples.bytes(1 << 20, 1);
    String path = "/v2/fast/blobs/" + registry.pushBlob("fast", blob);
    pull(registry, path, blob);
    long before = pull(registry, path, blob);
    var slow = new ArrayList<AutoCloseable>();
    try {
      for (int i = 0; i < CLIENTS; i++) {
        slow.add(client.with(BEGINNINGS.get(i % BEGINNINGS.size())));
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
      assertThat(refused(registry, "slow-body")).isGreaterThanOrEqualTo(TWO_OF_FIVE);
      assertThat(heap(registry)).isLessThan(LARGEST_HEAP);
      pull(registry, path, blob);
      assertThat(server.complaints()).isEmpty();
    } finally {
      for (AutoCloseable one : slow) {
        one.close();
      }
    }
  }

  private static double refused(RegistryClient registry, String reason) {
    return metric(registry, "cistern_refused_total{reason=\"" + reason + "\"} ");
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
