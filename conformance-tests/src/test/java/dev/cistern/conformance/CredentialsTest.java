package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class CredentialsTest {
  private static final String USER = "robot";
  private static final String SECRET = "s3cret-of-the-robot";
  private static final byte[] MANIFEST = Samples.manifest("behind a door");
  private static final byte[] BLOB = Samples.bytes(100_000, 1);

  /** One upstream for each way to configure one. */
  private static final UpstreamRegistry ANONYMOUS = UpstreamRegistry.start();

  private static final UpstreamRegistry ANOTHER = UpstreamRegistry.start();
  private static final UpstreamRegistry KNOWN = UpstreamRegistry.start();
  private static final UpstreamRegistry MISTAKEN = UpstreamRegistry.start();
  private static final UpstreamRegistry KEYED = UpstreamRegistry.start();
  private static final UpstreamRegistry TIED = UpstreamRegistry.start();
  private static final UpstreamRegistry SIGNED_ON = UpstreamRegistry.start();
  private static final UpstreamRegistry TRUSTING = UpstreamRegistry.start();

  /** Token services on other ports and addresses, as the configuration knows them. */
  private static final UpstreamRegistry TOKENS = UpstreamRegistry.start();

  private static final UpstreamRegistry STRANGER = UpstreamRegistry.start();

  private static final UpstreamRegistry LISTED =
      UpstreamRegistry.start("127.0.0.2", Optional.empty());

  private static UpstreamRegistry secure;
  private static UpstreamRegistry unknown;
  private static UpstreamRegistry careless;
  private static CisternServer server;
  private static TestClient client;
  private static int repositories;

  private int strangersConnections;
  private String repository;
  private String blob;
  private String v1;
  private UpstreamRegistry upstream;

  @BeforeAll
  static void start(@TempDir Path directory) {
    TestIdentity identity = TestIdentity.make(directory);
    secure = UpstreamRegistry.startTls(identity);
    unknown = UpstreamRegistry.startTls(identity);
    careless = UpstreamRegistry.startTls(identity);
    String keyed = KEYED.host();
    String auths =
        String.join(
            ",",
            auth(KNOWN.host(), USER, SECRET),
            auth(TIED.host(), USER, SECRET),
            auth(SIGNED_ON.host(), USER, SECRET),
            auth(TRUSTING.host(), USER, SECRET),
            auth(secure.host(), USER, SECRET),
            auth(MISTAKEN.host(), USER, "another-password"),
            auth(keyed, "all", "a"),
            auth(keyed + "/team", "team", "t"),
            auth(keyed + "/team/app", "app", "p"));
    String file = TestConfig.credentials(directory, "config.json", auths);
    String signedOn =
        TestConfig.credentials(
            directory,
            "sso.json",
            auth(SIGNED_ON.host(), USER, SECRET)
                + ","
                + auth(TOKENS.host(), "sso", "s3cret-of-the-sso"));
    String tied = "realms: [\"" + TOKENS.host() + "\"]";
    String stranger = "trustedHosts: [\"" + STRANGER.host() + "\"]";
    String service = "trustedHosts: [\"" + TOKENS.host() + "\"]";
    String trusted = "trustedHosts: [\"" + LISTED.host() + "\"]";
    server =
        new TestConfig(directory)
            .upstream("anonymous", ANONYMOUS, "insecure: true")
            .upstream("another", ANOTHER, "insecure: true", stranger)
            .upstream("known", KNOWN, "insecure: true", file, stranger)
            .upstream("mistaken", MISTAKEN, "insecure: true", file)
            .upstream("keyed", KEYED, "insecure: true", file)
            .upstream("tied", TIED, "insecure: true", file, tied, service)
            .upstream("signedon", SIGNED_ON, "insecure: true", signedOn, service)
            .upstream("trusting", TRUSTING, "insecure: true", file, trusted)
            .upstream("secure", secure, "caFile: " + identity.caFile(), file)
            .upstream("unknown", unknown)
            .upstream("careless", careless, "insecure: true")
            .start();
    client = new TestClient(server);
  }

  @AfterAll
  static void noSecretIsInTheLog() {
    client.close();
    server.close();
    List.of(
            ANONYMOUS, ANOTHER, KNOWN, MISTAKEN, KEYED, TIED, SIGNED_ON, TRUSTING, TOKENS, LISTED,
            STRANGER, secure, unknown, careless)
        .forEach(UpstreamRegistry::close);
    assertThat(String.join("\n", server.log())).satisfies(CredentialsTest::hasNoSecret);
  }

  @BeforeEach
  void meetAStranger() {
    STRANGER.heal();
    STRANGER.forget();
    strangersConnections = STRANGER.connections();
    TOKENS.forget();
    LISTED.forget();
    use("known", KNOWN);
  }

  @AfterEach
  void part() {
    upstream.heal();
  }

  /** Has the test ask this upstream, for a repository of its own with content in it. */
  private void use(String name, UpstreamRegistry used) {
    repository = "team/app" + ++repositories;
    upstream = used;
    upstream.forget();
    upstream.addManifest(repository, MANIFEST, "v1");
    blob = upstream.addBlob(repository, BLOB);
    v1 = "/v2/" + name + "/" + repository + "/manifests/v1";
  }

  private String blobPath() {
    return v1.replace("manifests/v1", "blobs/" + blob);
  }

  @Test
  void basicCredentialsGoToAnUpstreamThatAsksForThem() {
    demandBasic();

    assertIsGiven();
  }

  @Test
  void anUpstreamThatDoesNotAskGetsNone() {
    assertIsGiven();
    assertNoAuthorizationArrived(upstream);
  }

  @Test
  void theMostSpecificKeyWins() {
    use("keyed", KEYED);
    upstream.always("GET", "/v2/", Answer.basicChallenge());

    assertThat(userSentFor("team/app")).isEqualTo(TokenService.basic("app", "p"));
    assertThat(userSentFor("team/app/sub")).isEqualTo(TokenService.basic("app", "p"));
    assertThat(userSentFor("team/tool")).isEqualTo(TokenService.basic("team", "t"));
    assertThat(userSentFor("team/app2")).isEqualTo(TokenService.basic("team", "t"));
    assertThat(userSentFor("team2/app")).isEqualTo(TokenService.basic("all", "a"));
  }

  private String userSentFor(String name) {
    client.get("/v2/keyed/" + name + "/manifests/v1");
    return upstream
        .requests("GET", "/v2/" + name + "/manifests")
        .getLast()
        .header("authorization")
        .orElse("");
  }

  @Test
  void aTokenOfTheUpstreamsOwnServiceIsFetchedOnceForARepository() {
    demandOwnToken();

    assertIsGiven();
    client.get(v1.replace("v1", "absent"));

    List<Received> asked = upstream.requests("GET", "/token");
    assertThat(asked).hasSize(1);
    assertThat(asked.getFirst().target())
        .contains("service=upstream", "scope=repository%3Ateam%2Fapp", "%3Apull");
  }

  @Test
  void aTokenIsForOneRepositoryOnly() {
    demandOwnToken();
    upstream.addManifest("team/tool", MANIFEST, "v1");

    assertIsGiven();
    assertThat(client.get("/v2/known/team/tool/manifests/v1").status()).isEqualTo(200);
    assertThat(upstream.requests("GET", "/token")).hasSize(2);
  }

  @Test
  void twoUpstreamsWithOneTokenServiceDoNotShareTokens() {
    demandTokenOf(STRANGER);
    assertIsGiven();
    Optional<String> first = lastToken(upstream);

    use("another", ANOTHER);
    String same = repository;
    KNOWN.addManifest(same, MANIFEST, "v1");
    demandTokenOf(STRANGER);
    assertIsGiven();
    Optional<String> another = lastToken(ANOTHER);
    assertThat(client.get("/v2/known/" + same + "/manifests/v1").bytes()).isEqualTo(MANIFEST);

    assertThat(lastToken(KNOWN)).isPresent().isNotEqualTo(another).isNotEqualTo(first);
    KNOWN.heal();
  }

  private static Optional<String> lastToken(UpstreamRegistry registry) {
    return registry.requests("GET", "/v2/").getLast().header("authorization");
  }

  @Test
  void aRefusedTokenIsFetchedOnceMore() {
    demandOwnToken();
    assertThat(client.get(v1).bytes()).isEqualTo(MANIFEST);

    upstream.tokens().revoke();

    assertThat(client.get(blobPath()).bytes()).isEqualTo(BLOB);
    assertThat(upstream.requests("GET", "/token")).hasSize(2);
  }

  @Test
  void anAnonymousTokenIsEnoughWhereTheServiceGivesOne() {
    use("anonymous", ANONYMOUS);
    demandTokenOf(upstream);

    assertIsGiven();
  }

  @Test
  void wrongCredentialsAreAClearErrorForBasic() {
    use("mistaken", MISTAKEN);
    demandBasic();

    assertIsRefused();
  }

  @Test
  void wrongCredentialsAreAClearErrorForBearer() {
    use("mistaken", MISTAKEN);
    demandOwnToken();

    assertIsRefused();
  }

  @Test
  void missingCredentialsAreAClearError() {
    use("anonymous", ANONYMOUS);
    demandBasic();

    assertIsRefused();
  }

  @Test
  void aTokenServiceElsewhereDoesNotGetTheSecretOfTheRegistry() {
    demandTokenOf(STRANGER);

    assertIsGiven();
    assertThat(STRANGER.requests("GET", "/token")).isNotEmpty();
    assertNoAuthorizationArrived(STRANGER);
  }

  @Test
  void aTokenServiceThatTheConfigurationTiesToTheRegistryGetsItsSecret() {
    use("tied", TIED);
    TOKENS.tokens().only(USER, SECRET);
    demandTokenOf(TOKENS);

    assertIsGiven();
  }

  @Test
  void aTokenServiceElsewhereGetsTheSecretOfItsOwnHost() {
    use("signedon", SIGNED_ON);
    TOKENS.tokens().only("sso", "s3cret-of-the-sso");
    demandTokenOf(TOKENS);

    assertIsGiven();
  }

  @Test
  void aTokenServiceOnAPrivateAddressThatIsNotListedIsNotDialled() {
    int connections = LISTED.connections();
    demandTokenOf(LISTED);

    assertIsBadGateway("127.0.0.2");
    assertThat(LISTED.connections()).isEqualTo(connections);
  }

  /** Ways to send this server to another port of an upstream on a private address. */
  static Stream<Arguments> waysToAnotherPort() {
    String there = "http://" + STRANGER.host();
    return Stream.of(
        Arguments.of("realm", "/v2/", Answer.bearerChallenge(there + "/token")),
        Arguments.of("redirect of all", "/v2/", Answer.redirect(there + "/v2/")),
        Arguments.of("redirect of manifests", "/manifests/", Answer.redirect(there + "/x")));
  }

  @ParameterizedTest
  @MethodSource("waysToAnotherPort")
  void anotherPortOfAPrivateUpstreamIsRefusedWithTheEntryToAdd(
      String way, String path, Answer answer) {
    use("anonymous", ANONYMOUS);
    upstream.always("GET", path, answer);

    assertIsBadGateway("add " + STRANGER.host() + " to its trustedHosts");
    assertThat(STRANGER.connections()).as(way).isEqualTo(strangersConnections);
  }

  @Test
  void aTokenServiceOnAListedPrivateAddressIsAskedWithoutTheSecret() {
    use("trusting", TRUSTING);
    demandTokenOf(LISTED);

    assertIsGiven();
    assertThat(LISTED.requests("GET", "/token")).isNotEmpty();
    assertNoAuthorizationArrived(LISTED);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://user:password@OTHER/token",
        "http://UPSTREAM@OTHER/token",
        "file:///etc/passwd",
        "//OTHER/token",
        "OTHER",
        "http://",
        ""
      })
  void aRealmThatIsNoPlainAddressIsNotDialled(String realm) {
    upstream.demandToken(
        STRANGER.tokens(),
        realm.replace("OTHER", STRANGER.host()).replace("UPSTREAM", upstream.host()));

    assertIsBadGateway("token service");
    assertThat(STRANGER.connections()).isEqualTo(strangersConnections);
  }

  @Test
  void aRealmOnHttpOfAnUpstreamOnHttpsIsNotDialled() {
    use("secure", secure);
    demandTokenOf(STRANGER);

    assertIsBadGateway("https");
    assertThat(STRANGER.connections()).isEqualTo(strangersConnections);
  }

  @Test
  void aTokenServiceThatRedirectsElsewhereDoesNotTakeTheSecretAlong() {
    demandOwnToken();
    upstream.always("GET", "/token", Answer.redirect(STRANGER.url() + "/token"));

    assertThat(client.get(v1).status()).isNotEqualTo(200);
    assertThat(STRANGER.requests("GET", "/token")).isNotEmpty();
    assertNoAuthorizationArrived(STRANGER);
  }

  @Test
  void aRedirectToAnotherPortDoesNotTakeTheAuthorizationAlong() {
    demandBasic();
    byte[] content = Samples.bytes(1000, 2);
    String digest = upstream.addBlob(repository, content);
    STRANGER.addBlob("elsewhere", content);
    redirectAuthorised(STRANGER.url() + "/v2/elsewhere/blobs/" + digest);

    assertThat(client.get(v1.replace("manifests/v1", "blobs/" + digest)).bytes())
        .isEqualTo(content);
    assertThat(STRANGER.requests("GET", "/blobs/")).hasSize(1);
    assertNoAuthorizationArrived(STRANGER);
  }

  @Test
  void aRedirectWithinTheUpstreamKeepsTheAuthorization() {
    byte[] content = Samples.bytes(1000, 3);
    String digest = upstream.addBlob("elsewhere", content);
    redirectAuthorised("/v2/elsewhere/blobs/" + digest);
    upstream.always(request -> request.header("authorization").isEmpty(), Answer.basicChallenge());
    upstream.next("GET", "/v2/elsewhere/", new Answer.Healthy());

    assertThat(client.get(v1.replace("manifests/v1", "blobs/" + digest)).bytes())
        .isEqualTo(content);
    assertThat(upstream.requests("GET", "/v2/elsewhere/").getLast().header("authorization"))
        .contains(TokenService.basic(USER, SECRET));
  }

  @Test
  void aRedirectToAPrivateAddressThatIsNotListedIsNotDialled() {
    int connections = LISTED.connections();
    upstream.always("GET", "/v2/", Answer.redirect(LISTED.url() + "/v2/team/app/manifests/v1"));

    assertIsBadGateway("127.0.0.2");
    assertThat(LISTED.connections()).isEqualTo(connections);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "file:///etc/passwd",
        "ftp://OTHER/",
        "http://user:password@OTHER/v2/team/app/manifests/v1",
        "http://",
        ":"
      })
  void aRedirectThatIsNoPlainAddressIsRefused(String location) {
    upstream.always("GET", "/v2/", Answer.redirect(location.replace("OTHER", STRANGER.host())));

    assertIsBadGateway("redirect");
    assertThat(STRANGER.connections()).isEqualTo(strangersConnections);
  }

  @Test
  void fiveRedirectsAreFollowedAndASixthIsNot() {
    Answer again = Answer.redirect("/v2/" + repository + "/manifests/v1");

    upstream.next("GET", "/v2/", again, again, again, again, again, again);
    assertIsBadGateway("redirects");
    assertThat(upstream.requests("GET", "/v2/")).hasSize(6);
    upstream.next("GET", "/v2/", again, again, again, again, again);
    assertThat(client.get(v1).bytes()).isEqualTo(MANIFEST);
  }

  @Test
  void anUpstreamOnHttpsWorksWithItsCaFile() {
    use("secure", secure);
    demandOwnToken();

    assertIsGiven();
  }

  @Test
  void aRedirectFromHttpsToHttpIsRefused() {
    use("secure", secure);
    upstream.always("GET", "/v2/", Answer.redirect(STRANGER.url() + "/"));

    assertIsBadGateway("from https to http");
    assertThat(STRANGER.connections()).isEqualTo(strangersConnections);
  }

  @Test
  void anUpstreamOnHttpsWithAnUnknownCertificateIsAClearError() {
    use("unknown", unknown);

    assertIsBadGateway("certificat");
    assertThat(upstream.requests()).isEmpty();
  }

  @Test
  void anUpstreamOnHttpsThatIsMarkedInsecureMayHaveAnyCertificate() {
    use("careless", careless);

    assertIsGiven();
  }

  private void demandBasic() {
    upstream.demand(TokenService.basic(USER, SECRET), Answer.basicChallenge());
  }

  private void demandOwnToken() {
    upstream.tokens().only(USER, SECRET);
    upstream.demandToken(upstream.tokens(), upstream.url() + "/token");
  }

  private void demandTokenOf(UpstreamRegistry service) {
    upstream.demandToken(service.tokens(), service.url() + "/token");
  }

  private void redirectAuthorised(String location) {
    upstream.always(
        request -> request.is("GET", "/blobs/") && request.header("authorization").isPresent(),
        Answer.redirect(location));
  }

  private static String auth(String key, String user, String password) {
    String pair = Base64.getEncoder().encodeToString((user + ":" + password).getBytes(UTF_8));
    return "\"" + key + "\":{\"auth\":\"" + pair + "\"}";
  }

  private void assertIsGiven() {
    assertThat(client.get(v1).bytes()).isEqualTo(MANIFEST);
    assertThat(client.get(blobPath()).bytes()).isEqualTo(BLOB);
  }

  private void assertIsRefused() {
    Answered answered = client.get(v1);
    assertThat(answered.status()).isEqualTo(403);
    assertThat(answered.text())
        .contains("DENIED", "upstream ", "credentials")
        .satisfies(CredentialsTest::hasNoSecret);
  }

  private void assertIsBadGateway(String reason) {
    Answered answered = client.get(v1);
    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text())
        .contains("UPSTREAM_UNAVAILABLE", "upstream ", reason)
        .satisfies(CredentialsTest::hasNoSecret);
  }

  private static void assertNoAuthorizationArrived(UpstreamRegistry registry) {
    assertThat(registry.requests())
        .allSatisfy(request -> assertThat(request.headers()).doesNotContainKey("authorization"));
  }

  private static void hasNoSecret(String text) {
    assertThat(text)
        .doesNotContain(SECRET, "another-password", "s3cret", "Basic ", "Bearer ", "token-1");
  }
}
