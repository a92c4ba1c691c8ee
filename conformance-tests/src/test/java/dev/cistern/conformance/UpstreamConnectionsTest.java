package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How upstreams are reached. Names that end in {@code .example} are in a hosts file of the server,
 * those that end in {@code .invalid} only a proxy knows.
 */
class UpstreamConnectionsTest {
  private static final String USER = "gate";
  private static final String SECRET = "s3cret-of-the-gate";
  private static final byte[] MANIFEST = Samples.manifest("far away");

  private static final List<UpstreamRegistry> ALL = new ArrayList<>();
  private static final UpstreamRegistry PLAIN = started(UpstreamRegistry.start());
  private static final UpstreamRegistry OTHER = started(UpstreamRegistry.start());
  private static final UpstreamRegistry SIX =
      started(UpstreamRegistry.start("::1", Optional.empty()));
  private static final TestProxy PROXY = TestProxy.start(USER, SECRET);
  private static final TestProxy OWN_PROXY = TestProxy.start("own", SECRET);

  private static UpstreamRegistry secure;
  private static UpstreamRegistry guarded;
  private static UpstreamRegistry alsoGuarded;
  private static CisternServer server;
  private static TestClient client;
  private static int repositories;

  private String repository;

  private static UpstreamRegistry started(UpstreamRegistry registry) {
    ALL.add(registry);
    return registry;
  }

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException {
    TestIdentity identity = TestIdentity.make(directory);
    TestIdentity ours = TestIdentity.make(directory, "client");
    secure = started(UpstreamRegistry.startTls(identity));
    guarded = started(UpstreamRegistry.startForClients(identity, ours));
    alsoGuarded = started(UpstreamRegistry.startForClients(identity, ours));
    String ca = "caFile: " + identity.caFile();
    String insecure = "insecure: true";
    String own = "proxy: http://own:" + SECRET + "@" + OWN_PROXY.host();
    String wrong = "proxy: http://own:s3cret-but-wrong@" + OWN_PROXY.host();
    Path hosts = directory.resolve("hosts");
    Files.writeString(
        hosts,
        "127.0.0.1 direct.example\n::1 six.example\n127.0.0.9 two.example\n::1 two.example\n");
    server =
        new TestConfig(directory)
            .environment("JDK_JAVA_OPTIONS", "-Djdk.net.hosts.file=" + hosts)
            .environment("HTTP_PROXY", "http://" + USER + ":" + SECRET + "@" + PROXY.host())
            .environment("https_proxy", USER + ":" + SECRET + "@" + PROXY.host())
            .environment("http_proxy", "")
            .environment("no_proxy", "")
            .environment("NO_PROXY", "direct.example:" + PLAIN.port() + ", .example")
            .endpoint("proxied", "http://registry.invalid:" + PLAIN.port(), insecure)
            .endpoint("tunnelled", "https://registry.invalid:" + secure.port(), insecure)
            .endpoint("own", "https://localhost:" + secure.port(), ca, own)
            .endpoint("closed", "https://localhost:" + secure.port(), ca, own)
            .endpoint("wrong", "https://localhost:" + secure.port(), ca, wrong)
            .endpoint("excepted", "http://direct.example:" + PLAIN.port(), insecure)
            .endpoint("none", "http://registry.invalid:1", insecure, "proxy: none")
            .endpoint("local", PLAIN.url(), insecure, "trustedHosts: [\"" + OTHER.host() + "\"]")
            .endpoint(
                "guarded",
                guarded.url(),
                ca,
                "clientCertificate: " + ours.caFile(),
                "clientKey: " + ours.keyFile(),
                "trustedHosts: [\"" + alsoGuarded.host() + "\"]")
            .endpoint("unguarded", guarded.url(), ca)
            .endpoint("literal", SIX.url(), insecure)
            .endpoint("six", "http://six.example:" + SIX.port(), insecure)
            .endpoint("two", "http://two.example:" + SIX.port(), insecure)
            .endpoint("narrow", OTHER.url(), insecure, "limits: {connections: 1, headers: 3s}")
            .endpoint("mute", OTHER.url(), insecure, "limits: {headers: 500ms}")
            .endpoint("hasty", OTHER.url(), insecure, "limits: {idle: 300ms}")
            .start();
    client = new TestClient(server);
  }

  @AfterAll
  static void noSecretIsInTheLog() {
    client.close();
    server.close();
    ALL.forEach(UpstreamRegistry::close);
    PROXY.close();
    OWN_PROXY.close();
    assertThat(String.join("\n", server.log())).doesNotContain("s3cret", "Basic ");
  }

  @BeforeEach
  void useARepositoryOfItsOwn() {
    repository = "team/app" + ++repositories;
    ALL.forEach(registry -> registry.addManifest(repository, MANIFEST, "v1"));
    ALL.forEach(UpstreamRegistry::forget);
    PROXY.forget();
    OWN_PROXY.forget();
  }

  @AfterEach
  void heal() {
    ALL.forEach(UpstreamRegistry::heal);
  }

  @Test
  void httpGoesThroughTheProxyOfTheEnvironment() {
    assertIsGiven("proxied");

    assertThat(PROXY.asked())
        .containsExactly(
            "GET http://registry.invalid:"
                + PLAIN.port()
                + "/v2/"
                + repository
                + "/manifests/v1 HTTP/1.1");
    assertNothingOfTheProxyArrived(PLAIN);
  }

  @Test
  void httpsGoesThroughATunnel() {
    assertIsGiven("tunnelled");

    assertThat(PROXY.asked())
        .allMatch(line -> line.equals("CONNECT registry.invalid:" + secure.port() + " HTTP/1.1"));
    assertThat(secure.requests()).hasSize(1);
    assertNothingOfTheProxyArrived(secure);
  }

  @Test
  void anUpstreamMayHaveAProxyOfItsOwnAlsoToLoopback() {
    assertIsGiven("own");

    assertThat(OWN_PROXY.asked())
        .containsExactly("CONNECT localhost:" + secure.port() + " HTTP/1.1");
    assertThat(PROXY.asked()).isEmpty();
  }

  @Test
  void whatNoProxyNamesAndLoopbackAreReachedDirectly() {
    assertIsGiven("excepted");
    assertIsGiven("local");

    assertThat(PROXY.asked()).isEmpty();
  }

  @Test
  void anUpstreamMayBeReachedDirectlyWhateverTheEnvironmentSays() {
    assertIsBadGateway("none", "unknown host");

    assertThat(PROXY.asked()).isEmpty();
  }

  @Test
  void tokenServicesAndRedirectTargetsGoThroughTheProxyToo() {
    byte[] content = Samples.bytes(1000, 50);
    String digest = OTHER.addBlob("elsewhere", content);
    PLAIN.demandToken(OTHER.tokens(), "http://tokens.invalid:" + OTHER.port() + "/token");
    redirectBlobs("http://blobs.invalid:" + OTHER.port() + "/v2/elsewhere/blobs/" + digest);

    assertThat(client.get("/v2/proxied/" + repository + "/blobs/" + digest).bytes())
        .isEqualTo(content);
    assertThat(PROXY.asked())
        .anyMatch(line -> line.startsWith("GET http://tokens.invalid:"))
        .anyMatch(line -> line.startsWith("GET http://blobs.invalid:"));
    assertThat(OTHER.requests("GET", "/v2/"))
        .allSatisfy(request -> assertThat(request.headers()).doesNotContainKey("authorization"));
  }

  @Test
  void aPrivateAddressIsNotAskedOfTheProxyEither() {
    PLAIN.always("GET", "/v2/", Answer.redirect("http://169.254.169.254:80/latest"));

    assertIsBadGateway("proxied", "169.254.169.254");
    assertThat(PROXY.asked()).isNotEmpty().noneMatch(line -> line.contains("169.254"));
  }

  @Test
  void aPrivateAddressThatIsReachedDirectlyIsStillRefused() {
    PLAIN.always("GET", "/v2/", Answer.redirect("http://two.example:" + SIX.port() + "/"));

    assertIsBadGateway("proxied", "two.example is on the private address");
    assertThat(SIX.requests()).isEmpty();
  }

  @Test
  void aProxyThatKnowsTheLoginByAnotherPasswordIsAClearError() {
    assertIsBadGateway("wrong", "the proxy " + OWN_PROXY.host() + " answered 407");
    assertThat(OWN_PROXY.asked()).isEmpty();
  }

  @Test
  void whatAProxyAnswersForItselfIsNotTheUpstreamsAnswer() {
    OWN_PROXY.refuse(404);

    assertIsBadGateway("closed", "the proxy " + OWN_PROXY.host() + " answered 404");
  }

  @Test
  void aClientCertificateIsShownToTheRegistry() {
    assertIsGiven("guarded");
    assertThat(guarded.requests()).hasSize(1);
    assertIsBadGateway("unguarded", "upstream unguarded does not answer");
    assertThat(guarded.requests()).hasSize(1);
  }

  @Test
  void aClientCertificateIsNotShownToAnotherPort() {
    byte[] content = Samples.bytes(1000, 51);
    String digest = alsoGuarded.addBlob("elsewhere", content);
    guarded.always(
        "GET", "/blobs/", Answer.redirect(alsoGuarded.url() + "/v2/elsewhere/blobs/" + digest));

    assertThat(client.get("/v2/guarded/" + repository + "/blobs/" + digest).status())
        .isEqualTo(502);
    assertThat(alsoGuarded.requests()).isEmpty();
  }

  @Test
  void aKeyOfAnotherCertificateIsRefusedWithBothFiles(@TempDir Path directory)
      throws IOException, InterruptedException {
    TestIdentity one = TestIdentity.make(directory, "one");
    TestIdentity other = TestIdentity.make(directory, "other");
    Path file =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            """
            upstreams:
              - registry: registry.example.com
                clientCertificate: %s
                clientKey: %s
            """
                .formatted(one.caFile(), other.keyFile()));
    Process check =
        new ProcessBuilder(CisternServer.command(List.of("check", "--config", file.toString())))
            .redirectErrorStream(true)
            .start();
    String said = new String(check.getInputStream().readAllBytes(), UTF_8);

    assertThat(check.waitFor()).isEqualTo(1);
    assertThat(said)
        .contains(
            file + ":4: upstreams[0].clientKey: the key in " + other.keyFile() + " is not that",
            one.caFile().toString());
  }

  @Test
  void anUpstreamMayBeAnIpv6Address() {
    assertIsGiven("literal");
  }

  @Test
  void anUpstreamMayHaveIpv6AddressesOnly() {
    assertIsGiven("six");
  }

  @Test
  void anotherAddressOfANameIsTriedWhenOneDoesNotAccept() {
    assertIsGiven("two");
  }

  @Test
  void whoWaitsForAConnectionInVainIsToldWhy() {
    var gate = new CountDownLatch(1);
    byte[] content = Samples.bytes(1000, 52);
    String digest = OTHER.addBlob(repository, content);
    OTHER.always("GET", "/blobs/", new Answer.HeldInBody(100, gate));
    CompletableFuture<Answered> first =
        client.getLater("/v2/narrow/" + repository + "/blobs/" + digest);
    try {
      await().until(() -> OTHER.requests("GET", "/blobs/").size() == 1);
      assertIsBadGateway("narrow", "all of its 1 connections are busy");
    } finally {
      gate.countDown();
    }

    assertThat(first.join().bytes()).isEqualTo(content);
  }

  @Test
  void anAnswerThatDoesNotBeginInTimeIsAClearError() {
    var gate = new CountDownLatch(1);
    OTHER.always("GET", "/v2/", new Answer.Held(gate));
    try {
      assertIsBadGateway("mute", "timed out");
    } finally {
      gate.countDown();
    }
  }

  @Test
  void aDownloadThatPausesTooLongIsResumed() {
    var gate = new CountDownLatch(1);
    byte[] content = Samples.bytes(100_000, 53);
    String digest = OTHER.addBlob(repository, content);
    OTHER.next("GET", "/blobs/", new Answer.HeldInBody(50_000, gate));
    try {
      assertThat(client.get("/v2/hasty/" + repository + "/blobs/" + digest).bytes())
          .isEqualTo(content);
    } finally {
      gate.countDown();
    }
    assertThat(OTHER.requests("GET", "/blobs/").getLast().header("range")).isPresent();
  }

  @Test
  void theRateLimitOfAnUpstreamIsAMetric() {
    PLAIN.always(
        "GET",
        "/v2/",
        Answer.all(
            new Answer.With("ratelimit-limit", "100;w=21600"),
            new Answer.With("ratelimit-remaining", "76;w=21600")));

    assertIsGiven("local");
    assertThat(client.get("/metrics").text())
        .contains(
            "cistern_upstream_ratelimit_limit{upstream=\"local\"} 100.0",
            "cistern_upstream_ratelimit_remaining{upstream=\"local\"} 76.0")
        .doesNotContain("remaining{upstream=\"six\"}");
  }

  @Test
  void anUpstreamThatIsBusyTellsTheClientWhenToComeBack() {
    PLAIN.always("GET", "/v2/", new Answer.Other(503, Map.of("Retry-After", "17"), "busy"));

    Answered answered = client.get("/v2/local/" + repository + "/manifests/v1");

    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.header("Retry-After")).isEqualTo("17");
  }

  @Test
  void aRedirectThatHasExpiredIsAskedForOnceMore() {
    byte[] content = Samples.bytes(1000, 54);
    String digest = OTHER.addBlob("elsewhere", content);
    PLAIN.always("GET", "/blobs/", Answer.redirect(OTHER.url() + "/v2/elsewhere/blobs/" + digest));
    OTHER.next("GET", "/blobs/", Answer.status(403));

    assertThat(client.get("/v2/local/" + repository + "/blobs/" + digest).bytes())
        .isEqualTo(content);
    assertThat(PLAIN.requests("GET", "/blobs/")).hasSize(2);
  }

  @Test
  void aRedirectThatIsRefusedForGoodIsAskedForTwice() {
    String digest = Samples.digest(Samples.bytes(1000, 55));
    PLAIN.always("GET", "/blobs/", Answer.redirect(OTHER.url() + "/v2/elsewhere/blobs/" + digest));
    OTHER.always("GET", "/blobs/", Answer.status(401));

    assertThat(client.get("/v2/local/" + repository + "/blobs/" + digest).status()).isEqualTo(403);
    assertThat(PLAIN.requests("GET", "/blobs/")).hasSize(2);
  }

  @Test
  void aChallengeOfARedirectTargetIsNotMet() {
    String digest = Samples.digest(Samples.bytes(1000, 56));
    PLAIN.always("GET", "/blobs/", Answer.redirect(OTHER.url() + "/v2/elsewhere/blobs/" + digest));
    OTHER.always("GET", "/blobs/", Answer.bearerChallenge(OTHER.url() + "/token"));

    assertThat(client.get("/v2/local/" + repository + "/blobs/" + digest).status()).isEqualTo(403);
    assertThat(OTHER.requests("GET", "/token")).isEmpty();
  }

  private static void redirectBlobs(String location) {
    PLAIN.always(
        request -> request.is("GET", "/blobs/") && request.header("authorization").isPresent(),
        Answer.redirect(location));
  }

  private void assertIsGiven(String upstream) {
    Answered answered = client.get("/v2/" + upstream + "/" + repository + "/manifests/v1");
    assertThat(answered.status()).as(answered::text).isEqualTo(200);
    assertThat(answered.bytes()).isEqualTo(MANIFEST);
  }

  private void assertIsBadGateway(String upstream, String reason) {
    Answered answered = client.get("/v2/" + upstream + "/" + repository + "/manifests/v1");
    assertThat(answered.status()).as(answered::text).isEqualTo(502);
    assertThat(answered.text())
        .contains("UPSTREAM_UNAVAILABLE", reason)
        .doesNotContain("s3cret", "Basic ");
  }

  private static void assertNothingOfTheProxyArrived(UpstreamRegistry registry) {
    assertThat(registry.requests())
        .allSatisfy(
            request -> assertThat(request.headers()).doesNotContainKeys("proxy-authorization"));
  }
}
