package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.ServerSocket;
import java.net.SocketException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Restarts of one server under pulls at a limited rate, of stored and of cold blobs, and under
 * pushes: no reply is cut, and nothing that was acknowledged is lost. Clients try again only where
 * no reply has begun: when nobody listens.
 *
 * <p>{@code -Dcistern.restartMiB}, {@code -Dcistern.restartRateMiB} and {@code -Dcistern.restarts}
 * say how long a blob is, how fast each client takes it, and how often the server is restarted.
 */
class RollingRestartTest {
  private static final int PULLS = 20;
  private static final int COLD = 4;
  private static final int PUSHES = 2;
  private static final int PIECE = 64 << 10;
  private static final Duration RETRY = Duration.ofMillis(20);

  private final long size = (long) Integer.getInteger("cistern.restartMiB", 8) << 20;
  private final long rate = (long) Integer.getInteger("cistern.restartRateMiB", 8) << 20;
  private final int restarts = Integer.getInteger("cistern.restarts", 2);
  private final Map<String, LongAdder> tally = new ConcurrentSkipListMap<>();
  private final Queue<String> pushed = new ConcurrentLinkedQueue<>();
  private final AtomicLong begun = new AtomicLong();
  private final AtomicLong seeds = new AtomicLong(1000);
  private volatile boolean isOver;

  @Test
  void aRollingRestartCutsNoReply(@TempDir Path directory) throws Exception {
    GeneratedBlob stored = GeneratedBlob.of(1, size);
    try (UpstreamRegistry upstream = UpstreamRegistry.start();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      upstream.addBlob("app", stored);
      var config =
          new TestConfig(directory)
              .upstream("up", upstream, "insecure: true")
              .line("limits: {idle: 1m}")
              .environment("CISTERN_ACCESS_LOG", "off");
      String address = "127.0.0.1:" + freePort();
      CisternServer server = config.listen(address);
      var clients = new ArrayList<Future<?>>();
      try {
        for (int i = 0; i < PULLS; i++) {
          boolean isCold = i < COLD;
          clients.add(
              threads.submit(
                  () -> repeat(() -> pull(server.port(), isCold ? cold(upstream) : stored))));
        }
        for (int i = 0; i < PUSHES; i++) {
          clients.add(threads.submit(() -> repeat(() -> push(server.port()))));
        }
        restart(config, address, server);
      } finally {
        isOver = true;
      }
      for (Future<?> client : clients) {
        client.get();
      }
    }
    System.out.printf(
        "RollingRestartTest: %d restarts under %d pulls of %d MiB at %d MiB/s each: %s%n",
        restarts, PULLS, size >> 20, rate >> 20, tally);
    assertThat(tally).doesNotContainKeys("cut", "wrong").containsKeys("whole", "pushed");
  }

  private interface Step {
    void take() throws IOException;
  }

  private @Nullable Void repeat(Step step) throws IOException {
    while (!isOver) {
      step.take();
    }
    return null;
  }

  /** Restarts the server, and stops it when everything that was pushed is found. */
  private void restart(TestConfig config, String address, CisternServer first) {
    CisternServer server = first;
    for (int i = 0; i < restarts; i++) {
      long before = begun.get();
      await()
          .atMost(Duration.ofMinutes(5))
          .until(() -> begun.get() >= before + PULLS && !pushed.isEmpty());
      stop(server);
      server = config.listen(address);
    }
    isOver = true;
    try (TestClient client = new TestClient(server)) {
      for (String digest : pushed) {
        assertThat(client.head("/v2/pushed/app/blobs/" + digest).status()).isEqualTo(200);
      }
    }
    stop(server);
  }

  private static void stop(CisternServer server) {
    server.terminate();
    assertThat(server.exitStatus()).as(server.state()).isZero();
    await()
        .untilAsserted(() ->
            assertThat(server.log())
                .anySatisfy(line -> assertThat(line).contains(" stopped ").contains("cut=\"0\"")));
    assertThat(server.complaints()).isEmpty();
  }

  private GeneratedBlob cold(UpstreamRegistry upstream) {
    GeneratedBlob blob = GeneratedBlob.of(seeds.incrementAndGet(), size);
    upstream.addBlob("app", blob);
    return blob;
  }

  /** Pulls a blob at the rate, and again as long as nobody listens. */
  private void pull(int port, GeneratedBlob blob) {
    while (!isOver) {
      try (Download download =
          Download.begin(port, "/v2/up/app/blobs/" + blob.digest(), "Connection: close")) {
        if (download.status() == 200) {
          begun.incrementAndGet();
          count(read(download, blob));
          return;
        }
        count("status " + download.status());
        return;
      } catch (UncheckedIOException e) {
        count(unanswered(e.getCause()));
      }
      LockSupport.parkNanos(RETRY.toNanos());
    }
  }

  private String read(Download download, GeneratedBlob blob) {
    MessageDigest hash = GeneratedBlob.sha256();
    long start = System.nanoTime();
    long read = 0;
    while (read < blob.size()) {
      long count = download.hash(hash, Math.min(PIECE, blob.size() - read));
      if (count == 0) {
        return "cut";
      }
      read += count;
      long due = start + (long) (1e9 * read / rate);
      LockSupport.parkNanos(due - System.nanoTime());
    }
    return GeneratedBlob.digest(hash).equals(blob.digest()) ? "whole" : "wrong";
  }

  private void push(int port) throws IOException {
    byte[] blob = Samples.bytes(4 * PIECE, seeds.incrementAndGet());
    String digest = Samples.digest(blob);
    String head =
        RawConnection.head(
            "POST /v2/pushed/app/blobs/uploads/?digest=" + digest + " HTTP/1.1",
            "Host: localhost",
            "Content-Length: " + blob.length);
    while (!isOver) {
      try (RawConnection connection = RawConnection.to(port)) {
        RawConnection.Reply reply = connection.send(head).send(blob).reply();
        assertThat(reply.status()).as("%s", reply).isEqualTo(201);
        pushed.add(digest);
        count("pushed");
        return;
      } catch (IOException e) {
        count(unanswered(e));
      }
      LockSupport.parkNanos(RETRY.toNanos());
    }
  }

  /** A reply that has not begun is none that was cut: nobody listens, or did not take the call. */
  private static String unanswered(@Nullable Throwable e) {
    if (e instanceof ConnectException) {
      return "refused";
    }
    boolean isReset = e instanceof SocketException || e instanceof EOFException;
    return isReset ? "not accepted" : String.valueOf(e);
  }

  private void count(String what) {
    tally.computeIfAbsent(what, absent -> new LongAdder()).increment();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
