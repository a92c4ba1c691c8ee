package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Registries that send to a single sign-on service on another host, which has its own secret. */
class DelegatedAuthTest {
  private static final String OWN = "s3cret-of-the-registry";
  private static final String SSO = "s3cret-of-the-sso";
  private static final byte[] MANIFEST = Samples.manifest("behind another door");

  private static final UpstreamRegistry SERVICE =
      UpstreamRegistry.start("127.0.0.2", Optional.empty());

  /** One upstream for each way to configure one. */
  private static final UpstreamRegistry STRANGER = UpstreamRegistry.start();

  private static final UpstreamRegistry BOTH = UpstreamRegistry.start();

  private static final UpstreamRegistry SECOND = UpstreamRegistry.start();
  private static final UpstreamRegistry WITHOUT = UpstreamRegistry.start();
  private static final UpstreamRegistry BROKEN = UpstreamRegistry.start();
  private static UpstreamRegistry secure;

  private static CisternServer server;
  private static TestClient client;
  private static int repositories;

  private int strangersConnections;
  private String repository;

  @BeforeAll
  static void start(@TempDir Path directory) {
    TestIdentity identity = TestIdentity.make(directory);
    secure = UpstreamRegistry.startTls(identity);
    String own =
        String.join(
            ",",
            auth(BOTH.host(), "robot", OWN),
            auth(SECOND.host(), "robot", OWN),
            auth(WITHOUT.host(), "robot", OWN),
            auth(secure.host(), "robot", OWN));
    String sso = auth(SERVICE.host(), "sso", SSO);
    String both = TestConfig.credentials(directory, "both.json", own + "," + sso);
    String without = TestConfig.credentials(directory, "own.json", own);
    String broken =
        TestConfig.credentials(
            directory, "broken.json", "\"" + SERVICE.host() + "\":{\"auth\":\"!s3cret\"}," + own);
    String trusted = "trustedHosts: [\"" + SERVICE.host() + "\", \"" + STRANGER.host() + "\"]";
    server =
        new TestConfig(directory)
            .upstream("both", BOTH, "insecure: true", both, trusted)
            .upstream("second", SECOND, "insecure: true", both, trusted)
            .upstream("without", WITHOUT, "insecure: true", without, trusted)
            .upstream("broken", BROKEN, "insecure: true", broken, trusted)
            .upstream("secure", secure, "caFile: " + identity.caFile(), both, trusted)
            .start();
    client = new TestClient(server);
  }

  @AfterAll
  static void noSecretIsInTheLog() {
    client.close();
    server.close();
    List.of(SERVICE, STRANGER, BOTH, SECOND, WITHOUT, BROKEN, secure)
        .forEach(UpstreamRegistry::close);
    assertThat(String.join("\n", server.log())).satisfies(DelegatedAuthTest::hasNoSecret);
  }

  @BeforeEach
  void demandTokens() {
    STRANGER.heal();
    STRANGER.forget();
    strangersConnections = STRANGER.connections();
    repository = "team/app" + ++repositories;
    SERVICE.tokens().only("sso", SSO);
    SERVICE.forget();
    for (UpstreamRegistry upstream : List.of(BOTH, SECOND, WITHOUT, BROKEN, secure)) {
      upstream.heal();
      upstream.forget();
      upstream.addManifest(repository, MANIFEST, "v1");
      upstream.demandToken(SERVICE.tokens(), SERVICE.url() + "/token");
    }
  }

  @AfterEach
  void part() {
    assertThat(STRANGER.requests())
        .allSatisfy(request -> assertThat(request.headers()).doesNotContainKey("authorization"));
  }

  @Test
  void theServiceGetsItsOwnSecretAndOneScope() {
    assertIsGiven("both");

    assertThat(SERVICE.requests("GET", "/token"))
        .singleElement()
        .satisfies(asked -> {
          assertThat(asked.header("authorization")).contains(TokenService.basic("sso", SSO));
          assertThat(asked.target())
              .isEqualTo(
                  "/token?service=upstream&scope=repository%3A"
                      + repository.replace("/", "%2F")
                      + "%3Apull");
        });
    assertThat(BOTH.requests())
        .allSatisfy(asked ->
            assertThat(asked.header("authorization").orElse("")).doesNotStartWith("Basic"));
  }

  @Test
  void aMissingSecretIsDeniedAndSaysForWhichHost() {
    assertIsDenied(
        "without",
        "its token service "
            + SERVICE.host()
            + " answered 401: it wants credentials and none are configured for "
            + SERVICE.host()
            + " (those of "
            + WITHOUT.host()
            + " go there only if realms lists it)");
    assertThat(SERVICE.requests())
        .isNotEmpty()
        .allSatisfy(asked -> assertThat(asked.headers()).doesNotContainKey("authorization"));
  }

  @Test
  void aWrongSecretIsDeniedAndSaysWhichEntry() {
    SERVICE.tokens().only("sso", "another");

    assertIsDenied(
        "both",
        "its token service "
            + SERVICE.host()
            + " answered 401 to the credentials of "
            + SERVICE.host()
            + ", and anonymous pulls are refused too");
  }

  @Test
  void aSecretThatExpiredIsDeniedOnceItsTokenEnds() {
    assertIsGiven("both");
    SERVICE.tokens().only("sso", "another");
    SERVICE.tokens().revoke();

    Answered answered = client.get(path("both").replace("v1", "absent"));
    assertThat(answered.status()).isEqualTo(403);
    assertThat(answered.text()).contains("DENIED", "answered 401 to the credentials of");
  }

  @Test
  void aTokenThatExpiredIsFetchedOnceMore() {
    assertIsGiven("both");
    SERVICE.tokens().revoke();

    assertThat(client.get(path("both").replace("v1", "absent")).status()).isEqualTo(404);
    assertThat(SERVICE.requests("GET", "/token")).hasSize(2);
  }

  @Test
  void aBadEntryIsNamedAndTheOthersWork() {
    assertIsDenied("broken", "broken.json: auths." + SERVICE.host() + ".auth is not base64");
  }

  @Test
  void twoUpstreamsWithOneRealmAndTheSameRepositoryNameDoNotShareTokens() {
    assertIsGiven("both");
    assertIsGiven("second");

    assertThat(SERVICE.requests("GET", "/token")).hasSize(2);
    assertThat(token(BOTH)).isPresent().isNotEqualTo(token(SECOND));
  }

  private static Optional<String> token(UpstreamRegistry upstream) {
    return upstream.requests("GET", "/v2/").getLast().header("authorization");
  }

  @Test
  void aRealmOnAnotherHostThatIsNotTiedGetsNothing() {
    BOTH.heal();
    STRANGER.tokens().only("robot", OWN);
    BOTH.demandToken(STRANGER.tokens(), STRANGER.url() + "/token");

    assertIsDenied("both", "none are configured for " + STRANGER.host());
    assertThat(STRANGER.requests("GET", "/token")).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://169.254.169.254/latest/meta-data/",
        "http://[fe80::1]/token",
        "http://robot:password@STRANGER/token",
        "http://SERVICE@STRANGER/token",
        "http://0.0.0.0:1/token"
      })
  void aHostileRealmIsNotAsked(String realm) {
    BOTH.heal();
    BOTH.always(
        "GET",
        "/v2/",
        Answer.bearerChallenge(
            realm.replace("STRANGER", STRANGER.host()).replace("SERVICE", SERVICE.host())));

    Answered answered = client.get(path("both"));
    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text())
        .contains("UPSTREAM_UNAVAILABLE")
        .satisfies(DelegatedAuthTest::hasNoSecret);
    assertThat(STRANGER.connections()).isEqualTo(strangersConnections);
    assertThat(SERVICE.requests()).isEmpty();
  }

  @Test
  void aRealmOnHttpOfARegistryOnHttpsIsNotAsked() {
    Answered answered = client.get(path("secure"));

    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text()).contains("its token service is not on https");
    assertThat(SERVICE.requests()).isEmpty();
  }

  @Test
  void aRedirectToAnotherHostSeesNoToken() {
    assertIsGiven("both");
    STRANGER.addManifest(repository, MANIFEST, "moved");
    BOTH.always(
        request -> request.target().endsWith("/moved") && SERVICE.tokens().admits(request),
        Answer.redirect(STRANGER.url() + "/v2/" + repository + "/manifests/moved"));

    assertThat(client.get(path("both").replace("v1", "moved")).bytes()).isEqualTo(MANIFEST);
    assertThat(STRANGER.requests()).isNotEmpty();
  }

  @Test
  void aServiceThatRedirectsToAnotherHostDoesNotTakeItsSecretAlong() {
    SERVICE.always("GET", "/token", Answer.redirect(STRANGER.url() + "/token"));

    assertThat(client.get(path("both")).status()).isEqualTo(403);
    assertThat(STRANGER.requests()).isNotEmpty();
    SERVICE.heal();
  }

  private String path(String upstream) {
    return "/v2/" + upstream + "/" + repository + "/manifests/v1";
  }

  private static String auth(String key, String user, String password) {
    String pair = Base64.getEncoder().encodeToString((user + ":" + password).getBytes(UTF_8));
    return "\"" + key + "\":{\"auth\":\"" + pair + "\"}";
  }

  private void assertIsGiven(String upstream) {
    assertThat(client.get(path(upstream)).bytes()).isEqualTo(MANIFEST);
  }

  private void assertIsDenied(String upstream, String reason) {
    Answered answered = client.get(path(upstream));
    assertThat(answered.status()).isEqualTo(403);
    assertThat(answered.text())
        .contains("DENIED", reason)
        .satisfies(DelegatedAuthTest::hasNoSecret);
  }

  private static void hasNoSecret(String text) {
    assertThat(text).doesNotContain("s3cret", "Basic ", "Bearer ", "token-");
  }
}
