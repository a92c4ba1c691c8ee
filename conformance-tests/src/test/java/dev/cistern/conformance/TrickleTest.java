package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Upstreams that send byte by byte, each in another place, for as long as the tests run. All
 * requests are sent at the beginning; what is asserted of an answer holds while the upstream still
 * trickles, since it never ends before.
 */
class TrickleTest {
  private static final byte[] FIRST = Samples.manifest("first");
  private static final byte[] SECOND = Samples.manifest("second");
  private static final byte[] NEW = Samples.manifest("new");
  private static final String HEAD =
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: ";
  private static final String BODY =
      "HTTP/1.1 200 OK\r\nContent-Type: " + Samples.IMAGE + "\r\nContent-Length: 4000000\r\n\r\n{";
  private static final String CHUNKS =
      "HTTP/1.1 200 OK\r\nContent-Type: "
          + Samples.IMAGE
          + "\r\nTransfer-Encoding: chunked\r\n\r\n";
  private static final String HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";

  /** The beginning of a record of TLS, which is read whole before anything is done with it. */
  private static final String TLS_RECORD = "\u0016\u0003\u0003?\u00ff";

  private static final CountDownLatch END = new CountDownLatch(1);
  private static final Map<Way, Scene> SCENES = new EnumMap<>(Way.class);

  private static CisternServer server;
  private static TestClient client;

  /** Where it trickles. */
  enum Way {
    HEAD_OF_A_MANIFEST,
    INFORMATIONAL_HEADS,
    ONE_INFORMATIONAL_HEAD,
    BODY_OF_A_MANIFEST,
    CHUNKS_OF_A_MANIFEST,
    BODY_OF_A_REDIRECT,
    HEAD_OF_A_TOKEN,
    BODY_OF_A_TOKEN,
    TAG_LIST,
    REFERRERS,
    ANSWER_TO_CONNECT,
    TLS_HANDSHAKE;

    /** Returns the name of an upstream. */
    String upstream(String age) {
      return age + "-" + name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  /** One upstream, what leads to it, and what two clients were answered. */
  private record Scene(
      UpstreamRegistry upstream,
      Trickler way,
      TestProxy proxy,
      CompletableFuture<Answered> cached,
      CompletableFuture<Answered> absent) {}

  @BeforeAll
  static void start(@TempDir Path directory) {
    TestIdentity identity = TestIdentity.make(directory);
    var config = new TestConfig(directory).line("patience: 500ms");
    var scenes = new EnumMap<Way, Scene>(Way.class);
    for (Way way : Way.values()) {
      boolean isTls = way == Way.ANSWER_TO_CONNECT || way == Way.TLS_HANDSHAKE;
      UpstreamRegistry upstream =
          isTls ? UpstreamRegistry.startTls(identity) : UpstreamRegistry.start();
      TestProxy proxy = TestProxy.start("user", "word");
      Trickler trickler =
          Trickler.to(way == Way.ANSWER_TO_CONNECT ? proxy.port() : upstream.port());
      String endpoint =
          switch (way) {
            case ANSWER_TO_CONNECT -> "https://localhost:" + upstream.port();
            case TLS_HANDSHAKE -> "https://localhost:" + trickler.port();
            default -> upstream.url();
          };
      String[] settings = {
        isTls ? "caFile: " + identity.caFile() : "insecure: true",
        way == Way.ANSWER_TO_CONNECT
            ? "proxy: http://user:word@127.0.0.1:" + trickler.port()
            : "proxy: none",
        "freshness: 1ms"
      };
      config.endpoint(way.upstream("cached"), endpoint, settings);
      config.endpoint(
          way.upstream("absent"),
          endpoint,
          settings[0],
          settings[1],
          "limits: {headers: 2s, answer: 2s}");
      upstream.addManifest("cached", FIRST, "v1");
      if (way == Way.HEAD_OF_A_TOKEN || way == Way.BODY_OF_A_TOKEN) {
        upstream.demandToken(upstream.tokens(), upstream.url() + "/token");
      }
      var none = new CompletableFuture<Answered>();
      scenes.put(way, new Scene(upstream, trickler, proxy, none, none));
    }
    server = config.start();
    client = new TestClient(server);
    for (Way way : Way.values()) {
      String warm = "/v2/" + way.upstream("cached") + "/cached/manifests/v1";
      assertThat(client.get(warm).bytes()).isEqualTo(FIRST);
    }
    scenes.forEach((way, scene) -> {
      scene.upstream().addManifest("cached", SECOND, "v1");
      scene.upstream().addManifest("absent", NEW, "v1");
      trickle(way, scene);
      SCENES.put(
          way,
          new Scene(
              scene.upstream(),
              scene.way(),
              scene.proxy(),
              client.getLater(path(way, "cached")),
              client.getLater(path(way, "absent"))));
    });
  }

  @AfterAll
  static void stop() {
    END.countDown();
    client.close();
    server.close();
    for (Scene scene : SCENES.values()) {
      scene.way().close();
      scene.proxy().close();
      scene.upstream().close();
    }
  }

  private static String path(Way way, String repository) {
    String here = "/v2/" + way.upstream(repository) + "/" + repository;
    return switch (way) {
      case TAG_LIST -> here + "/tags/list";
      case REFERRERS ->
          here
              + (repository.equals("absent")
                  ? "/referrers/" + Samples.digest(FIRST)
                  : "/manifests/v1"); // it has no referrers that could be cached
      default -> here + "/manifests/v1";
    };
  }

  private static void trickle(Way way, Scene scene) {
    UpstreamRegistry upstream = scene.upstream();
    switch (way) {
      case HEAD_OF_A_MANIFEST -> upstream.always(r -> true, trickling(HEAD, "a"));
      case INFORMATIONAL_HEADS -> upstream.always(r -> true, trickling("", HINTS));
      case ONE_INFORMATIONAL_HEAD ->
          upstream.always(r -> true, trickling("HTTP/1.1 103 Early Hints\r\nLink: ", "a"));
      case BODY_OF_A_MANIFEST -> upstream.always("GET", "/manifests/", trickling(BODY, " "));
      case CHUNKS_OF_A_MANIFEST ->
          upstream.always("GET", "/manifests/", trickling(CHUNKS, "1\r\n \r\n"));
      case BODY_OF_A_REDIRECT ->
          upstream.always(
              "GET",
              "/manifests/",
              trickling(
                  "HTTP/1.1 307 Go\r\nLocation: /v2/x/manifests/v1\r\nContent-Length: 9999\r\n\r\n",
                  "a"));
      case HEAD_OF_A_TOKEN -> {
        upstream.tokens().revoke();
        upstream.always("GET", "/token", trickling(HEAD, "a"));
      }
      case BODY_OF_A_TOKEN -> {
        upstream.tokens().revoke();
        upstream.always("GET", "/token", trickling(BODY, " "));
      }
      case TAG_LIST -> upstream.always("GET", "/tags/list", trickling(BODY, " "));
      case REFERRERS -> upstream.always("GET", "/referrers/", trickling(BODY, " "));
      case ANSWER_TO_CONNECT -> scene.way().trickle("HTTP/1.1 200 Connected\r\nX-Long: ");
      case TLS_HANDSHAKE -> scene.way().trickle(TLS_RECORD);
    }
  }

  private static Answer trickling(String begin, String more) {
    return new Answer.Trickling(begin, more, END);
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"REFERRERS"})
  void whatIsCachedIsGivenStaleWhileTheUpstreamTrickles(Way way) {
    Answered answered = scene(way).cached().join();

    assertThat(answered.status()).isEqualTo(200);
    assertThat(answered.cacheStatus()).contains("fwd=stale");
  }

  @ParameterizedTest
  @EnumSource
  void whatIsAbsentIsAnErrorWhileTheUpstreamTrickles(Way way) {
    Answered answered = scene(way).absent().join();

    assertThat(answered.status()).as(answered::text).isEqualTo(502);
    assertThat(answered.text()).contains("UPSTREAM_UNAVAILABLE", way.upstream("absent"));
  }

  /** The answers that were trickling do so still, and so do the requests for them. */
  @ParameterizedTest
  @EnumSource
  void theFirstRequestAfterTheUpstreamIsWellIsAnsweredFromIt(Way way) {
    Scene scene = scene(way);
    scene.cached().join();
    scene.absent().join();
    scene.upstream().heal();
    scene.way().heal();
    String cached = way.upstream("cached") + "/cached:v1";

    Answered absent = client.get("/v2/" + way.upstream("absent") + "/absent/manifests/v1");
    assertThat(absent.bytes()).isEqualTo(NEW);
    assertThat(client.get(path(way, "absent")).status()).isEqualTo(200);
    Answered refreshed =
        client.send(
            "POST",
            "/admin/refresh",
            "application/json",
            ("{\"reference\":\"" + cached + "\"}").getBytes(UTF_8));
    assertThat(refreshed.text()).contains(Samples.digest(SECOND));
    Answered moved = client.get("/v2/" + way.upstream("cached") + "/cached/manifests/v1");
    assertThat(moved.bytes()).isEqualTo(SECOND);
    assertThat(moved.cacheStatus()).doesNotContain("stale");
  }

  private static Scene scene(Way way) {
    return Objects.requireNonNull(SCENES.get(way));
  }
}
