package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * All the ways in which an upstream can be out, each seen by a server that has asked it before and
 * by one that was restarted since. To both every cached tag is old at once.
 */
class OutageTest {
  private static final String REPOSITORY = "team/app";
  private static final byte[] CONTENT = Samples.bytes(100_000, 1);
  private static final String BLOB = Samples.digest(CONTENT);
  private static final byte[] MANIFEST = Samples.manifestOf(BLOB, CONTENT.length);

  private static final Map<Fault, UpstreamRegistry> UPSTREAMS = new EnumMap<>(Fault.class);

  private static TestIdentity identity;
  private static CisternServer server;
  private static CisternServer restarted;
  private static TestClient client;
  private static TestClient restartedClient;

  /** What is wrong with an upstream, and the status of what is not here meanwhile. */
  enum Fault {
    REFUSED(502),
    BLACK_HOLE(502),
    HANGING_HEAD(502),
    UNAUTHORIZED(403),
    FORBIDDEN(403),
    THROTTLED(429),
    UNAVAILABLE(502),
    EXPIRED_TOKEN(403),
    UNKNOWN_HOST(502),
    UNTRUSTED(502);

    private final int status;

    Fault(int status) {
      this.status = status;
    }

    String host() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-') + ".example";
    }

    String path(String rest) {
      return "/v2/" + host() + "/" + REPOSITORY + "/" + rest;
    }
  }

  @BeforeAll
  static void start(@TempDir Path directory, @TempDir Path other) {
    identity = TestIdentity.make(directory);
    for (Fault fault : Fault.values()) {
      UpstreamRegistry upstream =
          fault == Fault.UNTRUSTED ? UpstreamRegistry.startTls(identity) : UpstreamRegistry.start();
      upstream.addManifest(REPOSITORY, MANIFEST, "v1");
      upstream.addBlob(REPOSITORY, CONTENT);
      UPSTREAMS.put(fault, upstream);
    }
    UpstreamRegistry expiring = upstream(Fault.EXPIRED_TOKEN);
    expiring.demandToken(expiring.tokens(), expiring.url() + "/token");

    server = config(directory, false).start();
    client = new TestClient(server);
    warm(client);
    try (CisternServer before = config(other, false).start();
        TestClient there = new TestClient(before)) {
      warm(there);
    }
    UPSTREAMS.forEach(OutageTest::fail);
    restarted = config(other, true).start();
    restartedClient = new TestClient(restarted);
  }

  @AfterAll
  static void stop() {
    client.close();
    restartedClient.close();
    server.close();
    restarted.close();
    UPSTREAMS.values().forEach(UpstreamRegistry::close);
  }

  private static UpstreamRegistry upstream(Fault fault) {
    return Objects.requireNonNull(UPSTREAMS.get(fault));
  }

  private static TestConfig config(Path directory, boolean isOut) {
    var config = new TestConfig(directory).line("patience: 1s");
    UPSTREAMS.forEach((fault, upstream) -> {
      String endpoint =
          isOut && fault == Fault.UNKNOWN_HOST ? "http://does-not-exist.invalid" : upstream.url();
      String trust =
          fault == Fault.UNTRUSTED
              ? isOut ? "insecure: false" : "caFile: " + identity.caFile()
              : "insecure: true";
      config.registry(fault.host(), endpoint, trust, "freshness: 1ms");
    });
    return config;
  }

  private static void warm(TestClient there) {
    for (Fault fault : Fault.values()) {
      assertThat(there.get(fault.path("manifests/v1")).bytes()).isEqualTo(MANIFEST);
      String blob = fault.path("blobs/" + BLOB);
      await()
          .pollDelay(Duration.ZERO)
          .until(() -> there.get(blob).cacheStatus().equals("cistern; hit"));
    }
  }

  private static void fail(Fault fault, UpstreamRegistry upstream) {
    switch (fault) {
      case REFUSED -> upstream.goAway();
      case BLACK_HOLE -> answer(upstream, new Answer.Held(new CountDownLatch(1)));
      case HANGING_HEAD -> answer(upstream, new Answer.HeldInHead(new CountDownLatch(1)));
      case UNAUTHORIZED -> answer(upstream, Answer.status(401));
      case FORBIDDEN -> answer(upstream, Answer.status(403));
      case THROTTLED -> answer(upstream, Answer.throttled("3600"));
      case UNAVAILABLE -> answer(upstream, Answer.status(503));
      case EXPIRED_TOKEN -> {
        upstream.tokens().revoke();
        upstream.tokens().only("somebody", "else");
      }
      case UNKNOWN_HOST, UNTRUSTED -> {
        // So it is configured after the restart.
      }
    }
    upstream.forget();
  }

  private static void answer(UpstreamRegistry upstream, Answer answer) {
    upstream.always(request -> true, answer);
  }

  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"UNKNOWN_HOST", "UNTRUSTED"})
  void whatIsHereIsGivenAndNobodyWaitsTwice(Fault fault) {
    assertIsGivenAndNobodyWaitsTwice(client, fault);
  }

  @ParameterizedTest
  @EnumSource
  void theSameHoldsAfterARestart(Fault fault) {
    assertIsGivenAndNobodyWaitsTwice(restartedClient, fault);
  }

  /** Two of them are left out, since it takes half a minute to give up a silent upstream. */
  @ParameterizedTest
  @EnumSource(
      mode = EnumSource.Mode.EXCLUDE,
      names = {"BLACK_HOLE", "HANGING_HEAD"})
  void whatIsNotHereIsAClearError(Fault fault) {
    String absent = Samples.digest(new byte[] {1});

    List<Answered> answers =
        List.of(
            restartedClient.get(fault.path("manifests/absent")),
            restartedClient.get(fault.path("manifests/" + absent)),
            restartedClient.get(fault.path("blobs/" + absent)));

    assertThat(answers)
        .allSatisfy(answered -> {
          assertThat(answered.status()).isEqualTo(fault.status);
          assertThat(answered.text()).contains("errors", "upstream " + fault.host(), "advice");
          assertThat(answered.header("Retry-After"))
              .isEqualTo(fault == Fault.THROTTLED ? "3600" : "");
        });
  }

  private static void assertIsGivenAndNobodyWaitsTwice(TestClient there, Fault fault) {
    UpstreamRegistry upstream = upstream(fault);
    assertStale(there.get(fault.path("manifests/v1")));
    int requests = upstream.requests().size();
    int connections = upstream.connections();

    assertStale(there.get(fault.path("manifests/v1")));
    assertStale(there.head(fault.path("manifests/v1")));
    Answered manifest = there.get(fault.path("manifests/" + Samples.digest(MANIFEST)));
    Answered blob = there.get(fault.path("blobs/" + BLOB));

    assertThat(manifest.bytes()).isEqualTo(MANIFEST);
    assertThat(manifest.cacheStatus()).isEqualTo("cistern; hit");
    assertThat(blob.bytes()).isEqualTo(CONTENT);
    assertThat(blob.cacheStatus()).isEqualTo("cistern; hit");
    assertThat(upstream.requests()).hasSize(requests);
    assertThat(upstream.connections()).isEqualTo(connections);
  }

  private static void assertStale(Answered answered) {
    assertThat(answered.status()).isEqualTo(200);
    assertThat(answered.header("Docker-Content-Digest")).isEqualTo(Samples.digest(MANIFEST));
    assertThat(answered.cacheStatus()).startsWith("cistern; fwd=stale; detail=");
  }
}
