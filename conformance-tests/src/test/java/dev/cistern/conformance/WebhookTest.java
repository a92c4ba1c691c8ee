package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Who is told when a tag moves, by a webhook on loopback. */
class WebhookTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path directory;

  private final byte[] key = Samples.bytes(32, 7);
  private final Queue<Told> told = new ConcurrentLinkedQueue<>();
  private final Queue<Integer> answers = new ConcurrentLinkedQueue<>();
  private final Multiplatform one = Multiplatform.of(1);
  private final Multiplatform two = Multiplatform.of(2);

  @SuppressWarnings("NullAway.Init")
  private HttpServer hook;

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  /** What was posted. */
  private record Told(String type, String id, String timestamp, String signature, String body) {
    JsonNode json() {
      return JsonMapper.shared().readTree(body);
    }

    String image() {
      return json().path("data").path("image").asString();
    }
  }

  @BeforeEach
  void start() throws IOException {
    listen(0);
    Files.writeString(
        directory.resolve("key"), "whsec_" + Base64.getEncoder().encodeToString(key) + "\n");
    startServer();
  }

  private void listen(int port) throws IOException {
    hook = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    hook.createContext("/", this::take);
    hook.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    hook.start();
  }

  private void startServer() {
    server =
        new TestConfig(directory)
            .line("webhooks:")
            .line("- url: http://127.0.0.1:" + hook.getAddress().getPort() + "/images")
            .line("  secret: " + directory.resolve("key"))
            .line("  namespaces: [team]")
            .start();
    client = new TestClient(server);
  }

  private void take(HttpExchange exchange) throws IOException {
    try (exchange) {
      var headers = exchange.getRequestHeaders();
      told.add(
          new Told(
              headers.getFirst("Content-Type"),
              headers.getFirst("webhook-id"),
              headers.getFirst("webhook-timestamp"),
              headers.getFirst("webhook-signature"),
              new String(exchange.getRequestBody().readAllBytes(), UTF_8)));
      Integer status = answers.poll();
      exchange.sendResponseHeaders(status == null ? 204 : status, -1);
    }
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    hook.stop(0);
  }

  private void push(String repository, byte[] manifest) {
    for (Multiplatform image : List.of(one, two)) {
      image.blobs().forEach(blob -> client.pushBlob(repository, blob));
    }
    assertThat(client.putManifest("/v2/" + repository + "/manifests/v1", manifest).status())
        .isEqualTo(201);
  }

  private List<String> images() {
    return told.stream().map(Told::image).toList();
  }

  @Test
  void whoIsToldCanCheckWhoSaysIt() throws GeneralSecurityException {
    push("team/app", one.children().getFirst());
    await().atMost(PATIENCE).until(() -> told.size() == 1);

    Told first = told.element();
    assertThat(first.type()).isEqualTo("application/cloudevents+json; charset=utf-8");
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    byte[] signed =
        mac.doFinal((first.id() + "." + first.timestamp() + "." + first.body()).getBytes(UTF_8));
    assertThat(first.signature()).isEqualTo("v1," + Base64.getEncoder().encodeToString(signed));
    assertThat(Instant.ofEpochSecond(Long.parseLong(first.timestamp())))
        .isBeforeOrEqualTo(Instant.now());
    JsonNode event = first.json();
    assertThat(event.path("specversion").asString()).isEqualTo("1.0");
    assertThat(event.path("id").asString()).isEqualTo(first.id());
    assertThat(event.path("type").asString()).isEqualTo("dev.cistern.imagestreamtag.moved");
    assertThat(event.path("source").asString()).isEqualTo("/namespaces/team/imagestreams/app");
    assertThat(event.path("subject").asString()).isEqualTo("app:v1");
    assertThat(event.path("data").path("previous").asString()).isEmpty();
    assertThat(first.image()).isEqualTo(one.child(0));
  }

  @Test
  void eachMoveIsToldInOrderUntilItIsTaken() {
    answers.addAll(List.of(500, 302));
    push("team/app", one.children().get(0));
    push("team/app", one.children().get(0));
    push("other/app", one.children().get(0));
    push("team/app", two.children().get(0));

    await().atMost(PATIENCE).until(() -> told.size() >= 4);

    assertThat(images()).containsExactly(one.child(0), one.child(0), one.child(0), two.child(0));
    assertThat(told.stream().map(Told::id).distinct()).hasSize(2);
    assertThat(told.stream().toList().getLast().json().path("data").path("previous").asString())
        .isEqualTo(one.child(0));
    await()
        .atMost(PATIENCE)
        .untilAsserted(() ->
            assertThat(client.get("/metrics").text())
                .contains(
                    "cistern_webhooks_delivered_total 2.0", "cistern_webhooks_failed_total 2.0"));
  }

  @Test
  void anAnswerThatDoesNotEndIsTakenForNone() throws IOException {
    var stalled = new CountDownLatch(1);
    hook.removeContext("/");
    hook.createContext(
        "/",
        exchange -> {
          if (stalled.getCount() > 0) {
            exchange.sendResponseHeaders(200, 0); // a body comes, and it never ends
            exchange.getResponseBody().flush();
            stalled.countDown();
          } else {
            take(exchange);
          }
        });

    push("team/app", one.children().getFirst());

    await().atMost(PATIENCE).until(() -> images().equals(List.of(one.child(0))));
    assertThat(stalled.getCount()).isZero();
  }

  @Test
  void whatWasNotToldBeforeAKillIsToldAfterIt() throws IOException {
    int port = hook.getAddress().getPort();
    hook.stop(0);
    push("team/app", one.children().get(0));
    push("team/app", two.children().get(0));
    server.kill();
    client.close();
    listen(port);

    startServer();

    await().atMost(PATIENCE).until(() -> told.size() == 2);
    assertThat(images()).containsExactly(one.child(0), two.child(0));
  }
}
