package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** File descriptors that run short, by a limit that is set from outside. */
@EnabledOnOs(OS.LINUX)
class DescriptorLimitTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final int RESERVE = 64;
  private static final String REQUEST = "GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

  /** Keeps a connection from being idle. */
  private static final String BEGUN = "GET /readyz HTTP/1.1\r\n";

  @TempDir private Path directory;

  @Test
  void aLowLimitLowersTheConnectionsAndIsLogged() {
    try (CisternServer server =
            CisternServer.startBy(List.of("prlimit", "--nofile=400:400"), directory);
        TestClient client = new TestClient(server)) {
      assertThat(server.log())
          .anyMatch(line ->
              line.contains("file descriptors short, limits.connections lowered")
                  && line.contains("connections=\"144\""));
      assertThat(client.get("/readyz").status()).isEqualTo(200);
    }
  }

  @Test
  void connectionsDoNotTakeTheReserveOfTheStore() throws IOException, InterruptedException {
    var sockets = new ArrayList<Socket>();
    try (CisternServer server = CisternServer.start(directory);
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      Sample blob = Sample.seeded(1, 1 << 20);
      assertThat(calls.send("GET", "/readyz").status()).isEqualTo(200);
      var pushing = new Socket(InetAddress.getLoopbackAddress(), server.port());
      sockets.add(pushing);
      pushing
          .getOutputStream()
          .write(
              "POST /v2/a/b/blobs/uploads/?digest=%s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                  .formatted(blob.digest())
                  .getBytes(UTF_8));
      limit(server, open(server) + RESERVE + 20);

      await()
          .atMost(PATIENCE)
          .untilAsserted(() -> {
            sockets.add(new Socket(InetAddress.getLoopbackAddress(), server.port()));
            sockets.getLast().getOutputStream().write((REQUEST + BEGUN).getBytes(UTF_8));
            assertThat(status(sockets.getLast())).isEqualTo(503);
          });
      assertThat(sockets).hasSizeBetween(1, 40);
      pushing
          .getOutputStream()
          .write(
              "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
                  .formatted(blob.size())
                  .getBytes(UTF_8));
      pushing.getOutputStream().write(blob.bytes());
      assertThat(status(pushing)).isEqualTo(201);
      limit(server, 4_096);
      await()
          .atMost(PATIENCE)
          .untilAsserted(() ->
              assertThat(calls.send("GET", "/metrics").text())
                  .containsPattern("cistern_refused_total\\{reason=\"descriptors\"} [1-9]"));
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  @Test
  void idleConnectionsAreClosedBeforeAnyIsRefused() throws IOException, InterruptedException {
    var sockets = new ArrayList<Socket>();
    try (CisternServer server = CisternServer.start(directory);
        HttpCalls calls = new HttpCalls(server, Fuse.endless())) {
      assertThat(calls.send("GET", "/readyz").status()).isEqualTo(200);
      limit(server, open(server) + 2 * RESERVE + 5);

      await()
          .atMost(PATIENCE)
          .until(() -> {
            sockets.add(new Socket(InetAddress.getLoopbackAddress(), server.port()));
            sockets.getLast().getOutputStream().write(REQUEST.getBytes(UTF_8));
            assertThat(status(sockets.getLast())).isEqualTo(200);
            return isClosed(sockets.getFirst());
          });
      assertThat(calls.send("GET", "/metrics").text())
          .contains("cistern_refused_total{reason=\"descriptors\"} 0");
    } finally {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }

  /** Returns whether the other side has closed it; what it sent before is read and dropped. */
  private static boolean isClosed(Socket socket) throws IOException {
    socket.setSoTimeout(1);
    try {
      while (socket.getInputStream().read() >= 0) {
        // What is left of the response.
      }
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    }
  }

  @Test
  void acceptingGoesOnAfterDescriptorsWereUsedUpAndIsOneLineInTheLog()
      throws IOException, InterruptedException {
    try (CisternServer server = CisternServer.start(directory)) {
      limit(server, 10);
      try (Socket waiting = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
        waiting.getOutputStream().write(REQUEST.getBytes(UTF_8));
        await()
            .atMost(PATIENCE)
            .until(() -> server.complaints().stream().anyMatch(DescriptorLimitTest::isOfAccept));
        limit(server, 4_096);

        assertThat(status(waiting)).isEqualTo(200);
      }
      assertThat(server.complaints()).filteredOn(DescriptorLimitTest::isOfAccept).hasSize(1);
      assertThat(server.complaints()).allMatch(line -> line.contains("Too many open files"));
    }
  }

  private static boolean isOfAccept(String line) {
    return line.contains("connections not accepted, trying again every second")
        && line.contains("Too many open files");
  }

  private static int status(Socket socket) throws IOException {
    socket.setSoTimeout((int) PATIENCE.toMillis());
    byte[] head = socket.getInputStream().readNBytes("HTTP/1.1 200".length());
    return Integer.parseInt(new String(head, UTF_8).substring("HTTP/1.1 ".length()));
  }

  private static long open(CisternServer server) throws IOException {
    try (Stream<Path> files = Files.list(Path.of("/proc", "" + server.pid(), "fd"))) {
      return files.count();
    }
  }

  private static void limit(CisternServer server, long descriptors) {
    assertThat(
            SystemCommand.run(
                "prlimit", "--pid", "" + server.pid(), "--nofile=" + descriptors + ":"))
        .isEmpty();
  }
}
