package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static dev.cistern.conformance.Accounts.BOB;
import static dev.cistern.conformance.RawConnection.head;
import static dev.cistern.conformance.RegistryClient.assertErrorBody;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the server bears of its clients, and what it does about more. */
class LimitsTest {
  private static final String PING = head("GET /v2/ HTTP/1.1", "Host: a");
  private static final int MIB = 1 << 20;

  @TempDir private Path directory;

  @Test
  void aHeadThatTakesTooLongIs408() throws IOException {
    try (CisternServer server = limited("header: 500ms");
        RawConnection connection = RawConnection.to(server)) {
      connection.send("GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ");

      assertRefused(connection.reply(), 408, "UNSUPPORTED");
      assertThat(connection.readToEnd()).isEmpty();
      assertThat(refused(server, "slow-head")).isEqualTo(1);
    }
  }

  /** A byte now and then does not help: the whole head has one time. */
  @Test
  void aHeadThatTricklesIs408() throws IOException {
    try (CisternServer server = limited("header: 500ms");
        RawConnection connection = RawConnection.to(server)) {
      connection.send(PING);
      assertThat(connection.reply().status()).isEqualTo(200);
      connection.send("GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ");

      await()
          .until(() -> {
            connection.sendAsFarAsItGoes("x");
            return refused(server, "slow-head") == 1;
          });
      assertThat(connection.reply().status()).isEqualTo(408);
    }
  }

  @Test
  void whoSaysNothingIsClosedAndWhoPausesBetweenRequestsIsNot() throws IOException {
    try (CisternServer server = limited("header: 400ms");
        RawConnection silent = RawConnection.to(server);
        RawConnection pausing = RawConnection.to(server)) {
      pausing.send(PING);
      assertThat(pausing.reply().status()).isEqualTo(200);

      assertThat(silent.readToEnd()).isEmpty();

      pausing.send(PING);
      assertThat(pausing.reply().status()).isEqualTo(200);
    }
  }

  @Test
  void aBodyThatStandsStillIs408() throws IOException {
    try (CisternServer server = limited("idle: 500ms");
        RawConnection connection = RawConnection.to(server)) {
      connection.send(
          head("PUT /v2/slow/manifests/a HTTP/1.1", "Host: a", "Content-Length: 1000") + "{");

      assertRefused(connection.reply(), 408, "UNSUPPORTED");
      assertThat(refused(server, "slow-body")).isEqualTo(1);
    }
  }

  @Test
  void whoDoesNotTakeItsReplyIsClosed() throws IOException {
    try (CisternServer server = limited("idle: 500ms");
        var registry = new RegistryClient(server);
        RawConnection connection = RawConnection.to(server)) {
      String blob = registry.pushBlob("slow", Samples.bytes(32 * MIB, 1));
      connection.send(head("GET /v2/slow/blobs/" + blob + " HTTP/1.1", "Host: a"));

      await().until(() -> refused(server, "slow-reader") == 1);
      assertThat(connection.readToEnd().length()).isLessThan(32 * MIB);
    }
  }

  /** What is sent by the kernel in one go takes longer than the connection may be idle. */
  @Test
  void whoTakesItsReplySlowlyGetsAllOfIt() throws IOException, InterruptedException {
    byte[] blob = Samples.bytes(24 * MIB, 2);
    try (CisternServer server = limited("idle: 1s");
        var registry = new RegistryClient(server);
        RawConnection connection = RawConnection.to(server)) {
      String digest = registry.pushBlob("slow", blob);
      connection.send(head("GET /v2/slow/blobs/" + digest + " HTTP/1.1", "Host: a"));

      byte[] all = new byte[blob.length];
      System.arraycopy(connection.replyUpTo(MIB), 0, all, 0, MIB);
      for (int at = MIB; at < all.length; at += MIB) {
        Thread.sleep(120); // the pace of the client, not a wait for the server
        System.arraycopy(connection.bytes(MIB), 0, all, at, MIB);
      }
      assertThat(all).isEqualTo(blob);
    }
  }

  @Test
  void anAddressWithTooManyRequestsUnderWayIsToldToWait() throws IOException {
    var gate = new CountDownLatch(1);
    try (UpstreamRegistry upstream = UpstreamRegistry.start();
        CisternServer server =
            new TestConfig(directory)
                .upstream("up", upstream, "insecure: true")
                .line("limits: {requestsPerClient: 2}")
                .start();
        RawConnection first = RawConnection.to(server);
        RawConnection second = RawConnection.to(server);
        RawConnection third = RawConnection.to(server)) {
      upstream.always("GET", "/manifests/", new Answer.Held(gate));
      upstream.always("HEAD", "/manifests/", new Answer.Held(gate));
      first.send(head("GET /v2/up/held/manifests/a HTTP/1.1", "Host: a"));
      second.send(head("GET /v2/up/held/manifests/b HTTP/1.1", "Host: a"));
      await()
          .until(() ->
              upstream.requests("GET", "/manifests/").size()
                      + upstream.requests("HEAD", "/manifests/").size()
                  == 2);

      third.send(PING);
      RawConnection.Reply reply = third.reply();
      assertRefused(reply, 429, "TOOMANYREQUESTS");
      assertThat(reply.header("Retry-After")).isEqualTo("1");
      third.send(head("PUT /v2/a/manifests/b HTTP/1.1", "Host: a", "Content-Length: 3") + "abc");
      assertThat(third.reply().status()).isEqualTo(429);

      gate.countDown();
      assertThat(first.reply().status()).isEqualTo(404);
      assertThat(second.reply().status()).isEqualTo(404);
      third.send(PING);
      assertThat(third.reply().status()).as("on the same connection").isEqualTo(200);
      assertThat(refused(server, "client-requests")).isEqualTo(2);
    }
  }

  @Test
  void aUserWithTooManyRequestsUnderWayIsToldToWaitAndOthersAreNot() throws IOException {
    var gate = new CountDownLatch(1);
    ObjectFiles.replace(directory.resolve("users"), ALICE.line() + BOB.line());
    new ObjectFiles(directory.resolve("objects"))
        .put(
            "all.yaml",
            ObjectFiles.binding("", "system:image-puller", "Group", "system:authenticated"));
    try (UpstreamRegistry upstream = UpstreamRegistry.start();
        CisternServer server =
            new TestConfig(directory)
                .upstream("up", upstream, "insecure: true")
                .line("resources: [" + directory.resolve("objects") + "]")
                .line("access: {users: " + directory.resolve("users") + ", requestsPerUser: 1}")
                .start();
        TestClient alice = ALICE.client(server);
        TestClient bob = BOB.client(server)) {
      upstream.always("GET", "/manifests/", new Answer.Held(gate));
      upstream.always("HEAD", "/manifests/", new Answer.Held(gate));
      CompletableFuture<TestClient.Answered> held = alice.getLater("/v2/up/held/manifests/a");
      await()
          .until(() ->
              !upstream.requests("GET", "/manifests/").isEmpty()
                  || !upstream.requests("HEAD", "/manifests/").isEmpty());

      TestClient.Answered refused = alice.get("/v2/");
      assertThat(refused.status()).isEqualTo(429);
      assertThat(refused.text()).contains("alice has as many requests under way as it may");
      assertThat(refused.header("Retry-After")).isEqualTo("1");
      assertThat(bob.get("/v2/").status()).isEqualTo(200);

      gate.countDown();
      assertThat(held.join().status()).isEqualTo(404);
      await().until(() -> alice.get("/v2/").status() == 200);
    }
  }

  @Test
  void oneConnectionTooManyIsToldSoAndOthersGoOn() throws IOException {
    try (CisternServer server = limited("connections: 3")) {
      assertTooMany(server, 503, "connections");
    }
  }

  @Test
  void oneConnectionTooManyOfAnAddressIsToldSo() throws IOException {
    try (CisternServer server = limited("connectionsPerClient: 3")) {
      assertTooMany(server, 429, "client-connections");
    }
  }

  private static void assertTooMany(CisternServer server, int status, String reason)
      throws IOException {
    var open = new ArrayList<RawConnection>();
    for (int i = 0; i < 3; i++) {
      open.add(RawConnection.to(server).send(PING));
      assertThat(open.getLast().reply().status()).isEqualTo(200);
    }
    try (RawConnection excess = RawConnection.to(server)) {
      RawConnection.Reply reply = excess.reply();
      assertRefused(reply, status, "TOOMANYREQUESTS");
      assertThat(reply.header("Retry-After")).isEqualTo("1");
      assertThat(excess.readToEnd()).isEmpty();
    }
    for (RawConnection connection : List.copyOf(open)) {
      connection.send(PING);
      assertThat(connection.reply().status()).isEqualTo(200);
    }
    open.removeLast().close();
    await()
        .ignoreExceptions()
        .until(() -> {
          try (RawConnection again = RawConnection.to(server)) {
            again.send(PING);
            return again.reply().status() == 200;
          }
        });
    for (RawConnection connection : open) {
      connection.close();
    }
    await().ignoreExceptions().until(() -> refused(server, reason) >= 1);
  }

  @Test
  void connectionsAreCounted() throws IOException {
    try (CisternServer server = limited("idle: 1m");
        RawConnection one = RawConnection.to(server);
        RawConnection two = RawConnection.to(server)) {
      one.send(PING);
      one.reply();
      two.send(PING);
      two.reply();

      assertThat(metric(server, "cistern_connections ")).isEqualTo(3);
      two.close();
      await().until(() -> metric(server, "cistern_connections ") == 2);
    }
  }

  private CisternServer limited(String limit) {
    return new TestConfig(directory).line("limits: {" + limit + "}").start();
  }

  private static int refused(CisternServer server, String reason) {
    return metric(server, "cistern_refused_total{reason=\"" + reason + "\"} ");
  }

  private static int metric(CisternServer server, String name) {
    try (var client = new TestClient(server)) {
      return client
          .get("/metrics")
          .text()
          .lines()
          .filter(line -> line.startsWith(name))
          .mapToInt(line -> (int) Double.parseDouble(line.substring(name.length())))
          .findFirst()
          .orElseThrow();
    }
  }

  private static void assertRefused(RawConnection.Reply reply, int status, String code) {
    assertThat(reply.status()).as(reply.body()).isEqualTo(status);
    assertErrorBody(reply.header("Content-Type"), reply.body(), code);
  }
}
