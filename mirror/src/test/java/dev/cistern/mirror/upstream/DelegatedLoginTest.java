package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.auth.credentials.Credentials;
import dev.cistern.auth.credentials.DockerConfig;
import dev.cistern.auth.credentials.Keyring;
import dev.cistern.auth.credentials.LiveKeyring;
import dev.cistern.base.MemoryBudget;
import dev.cistern.mirror.upstream.AskedService.Asked;
import dev.cistern.mirror.upstream.AskedService.Said;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A registry that sends to a token service on another host, which is on plain http here. */
class DelegatedLoginTest {
  private static final RepositoryName APP = new RepositoryName("team/app");
  private static final Tag V1 = new Tag("v1");
  private static final Credentials ROBOT = new Credentials("robot", "s3cret", "");
  private static final Credentials SSO = new Credentials("sso", "s3cret-of-sso", "");
  private static final long LIFE_SECONDS = 100;

  private final AtomicReference<Instant> now = new AtomicReference<>(Instant.EPOCH);
  private final AtomicInteger given = new AtomicInteger();
  private final Set<String> accepted = ConcurrentHashMap.newKeySet();
  private final LiveKeyring keyring = new LiveKeyring(Keyring.EMPTY);
  private final AskedService tokens = AskedService.start("127.0.0.2", this::give);
  private final AskedService other = AskedService.start("127.0.0.2", this::give);
  private final AskedService registry = AskedService.start("127.0.0.1", this::admit);
  private final Upstream upstream = open(registry, true, Set.of());

  /** The credentials that get tokens; empty for all. */
  private volatile Set<String> known = Set.of();

  private volatile String padding = "";

  @AfterEach
  void close() throws IOException {
    upstream.close();
    registry.close();
    tokens.close();
    other.close();
  }

  private Upstream open(AskedService service, boolean isInsecure, Set<String> realms) {
    return Upstream.open(
        new UpstreamSettings(
            "upstream",
            service.host(),
            URI.create(service.url()),
            keyring,
            Optional.empty(),
            isInsecure,
            realms,
            Set.of(tokens.host(), other.host()),
            Freshness.USUAL,
            List.of(),
            false,
            Optional.empty(),
            ConnectionSettings.DEFAULT),
        InstantSource.system(),
        new MemoryBudget(MemoryBudget.MIN_BYTES),
        now::get);
  }

  /** Answers as the token service: a new token, which the registry accepts, for who is known. */
  private Said give(Asked asked) {
    if (!known.isEmpty() && !known.contains(asked.authorization().orElse(""))) {
      return Said.of(401);
    }
    String token = "token-" + given.incrementAndGet() + padding;
    accepted.add("Bearer " + token);
    return Said.token(token, LIFE_SECONDS);
  }

  /** Answers as the registry. */
  private Said admit(Asked asked) {
    return asked.authorization().filter(accepted::contains).isPresent()
        ? Said.of(200)
        : challenge();
  }

  private Said challenge() {
    return Said.challenge(
        "Bearer realm=\"" + tokens.url() + "/token\",service=\"registry\",scope=\"other\"");
  }

  private Answer<?> pull() {
    return upstream.headManifest(APP, V1);
  }

  private void assertIsRefused(Answer<?> answer, String reason) {
    assertThat(answer)
        .isInstanceOfSatisfying(
            Answer.Refused.class,
            refused ->
                assertThat(refused.reason()).contains(reason).doesNotContain("s3cret", "token-"));
  }

  private void keys(String key, Credentials credentials) {
    keyring.replace(config(key, credentials));
  }

  private static Keyring config(String key, Credentials credentials) {
    String json =
        "{\"auths\":{\"%s\":{\"username\":\"%s\",\"password\":\"%s\",\"identitytoken\":\"%s\"}}}"
            .formatted(
                key, credentials.username(), credentials.password(), credentials.identityToken());
    return DockerConfig.parse(json.getBytes(UTF_8), "f.json");
  }

  @Test
  void theScopeIsOneRepositoryForPulling() {
    assertThat(pull()).isInstanceOf(Answer.Found.class);

    assertThat(tokens.asked())
        .extracting(Asked::target)
        .containsExactly("/token?service=registry&scope=repository%3Ateam%2Fapp%3Apull");
  }

  @Test
  void ofLongTokensOnlyTheLastAreKept() {
    padding = "x".repeat(200 << 10);
    List<RepositoryName> repositories =
        IntStream.range(0, 40).mapToObj(i -> new RepositoryName("team/app-" + i)).toList();
    for (int round = 0; round < 2; round++) {
      for (RepositoryName repository : repositories) {
        assertThat(upstream.headManifest(repository, V1)).isInstanceOf(Answer.Found.class);
      }
    }
    RepositoryName last = repositories.getLast();
    assertThat(given.get()).isGreaterThanOrEqualTo(40 + 19);
    int before = given.get();
    upstream.headManifest(last, V1);
    upstream.headManifest(last, V1);
    assertThat(given.get()).isLessThanOrEqualTo(before + 1);
  }

  @Test
  void theRealmHasItsOwnSecretLookedUpByItsHost() {
    keyring.replace(
        Keyring.first(List.of(config(registry.host(), ROBOT), config(tokens.host(), SSO))));
    known = Set.of(SSO.basic());

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.presented()).containsExactly(SSO.basic());
  }

  @Test
  void theRegistrysSecretIsNotUsedAtARealmThatIsNotTied() {
    keys(registry.host(), ROBOT);
    known = Set.of(ROBOT.basic());

    assertIsRefused(pull(), "none are configured for " + tokens.host());
    assertThat(tokens.presented()).isNotEmpty().containsOnly("");
  }

  @Test
  void theRegistrysSecretIsUsedAtARealmThatIsTied() throws IOException {
    keys(registry.host(), ROBOT);
    known = Set.of(ROBOT.basic());

    try (Upstream tied = open(registry, true, Set.of(tokens.host(), other.host()))) {
      assertThat(tied.headManifest(APP, V1)).isInstanceOf(Answer.Found.class);
    }
    assertThat(tokens.presented()).containsExactly(ROBOT.basic());
  }

  @Test
  void aTiedRealmWithAnEntryOfItsOwnGetsThat() throws IOException {
    keyring.replace(
        Keyring.first(List.of(config(registry.host(), ROBOT), config(tokens.host(), SSO))));

    try (Upstream tied = open(registry, true, Set.of(tokens.host(), other.host()))) {
      assertThat(tied.headManifest(APP, V1)).isInstanceOf(Answer.Found.class);
    }
    assertThat(tokens.presented()).containsExactly(SSO.basic());
  }

  @Test
  void aTokenIsRefreshedAtFourFifthsOfItsLife() {
    pull();
    now.set(Instant.EPOCH.plusSeconds(79));
    pull();
    assertThat(tokens.asked()).hasSize(1);

    now.set(Instant.EPOCH.plusSeconds(81));
    pull();
    assertThat(tokens.asked()).hasSize(1);
    assertThat(registry.presented())
        .containsExactly("", "Bearer token-1", "Bearer token-1", "Bearer token-2");
  }

  @Test
  void aTokenThatIsRefusedIsDroppedAndFetchedOnceMore() {
    pull();
    upstream.headManifest(new RepositoryName("team/tool"), V1);
    registry.asked();
    tokens.asked();
    accepted.remove("Bearer token-1");

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(registry.presented()).containsExactly("Bearer token-1", "Bearer token-3");

    upstream.headManifest(new RepositoryName("team/tool"), V1);
    assertThat(registry.presented()).containsExactly("Bearer token-2");
  }

  @Test
  void credentialsWhoseTokensAreRefusedGetOneFreshTokenAndThenAnonymousIsTried() {
    keys(tokens.host(), SSO);
    registry.answer(asked -> challenge());

    assertIsRefused(pull(), "it answered 401 to the credentials of " + tokens.host());
    assertThat(tokens.presented()).containsExactly(SSO.basic(), SSO.basic(), "");
    assertThat(registry.presented())
        .containsExactly("", "Bearer token-1", "Bearer token-2", "Bearer token-3");
  }

  @Test
  void wrongCredentialsAreNoHindranceWhereAnonymousPullsAreAllowed() {
    keys(tokens.host(), SSO);
    known = Set.of("");

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.presented()).containsExactly(SSO.basic(), "");

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.presented()).isEmpty();

    known = Set.of(ROBOT.basic());
    keys(tokens.host(), ROBOT);
    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.presented()).containsExactly(ROBOT.basic());
  }

  @Test
  void whoWasLetInAnonymouslyIsNotForEver() {
    keys(tokens.host(), SSO);
    known = Set.of("");
    pull();
    accepted.clear();
    known = Set.of(SSO.basic());

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.presented()).containsExactly(SSO.basic(), "", SSO.basic());
  }

  @Test
  void aRotatedSecretTakesEffectAtOnce() {
    keys(tokens.host(), ROBOT);
    known = Set.of(ROBOT.basic());
    pull();
    known = Set.of(SSO.basic());
    tokens.asked();
    registry.asked();

    keys(tokens.host(), SSO);
    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.presented()).containsExactly(SSO.basic());
    assertThat(registry.presented()).containsExactly("Bearer token-2");

    keyring.replace(Keyring.EMPTY);
    assertIsRefused(pull(), "none are configured for " + tokens.host());
    assertThat(registry.presented()).containsOnly("");
  }

  @Test
  void aWrongSecretIsAClearRefusal() {
    keys(tokens.host(), ROBOT);
    known = Set.of(SSO.basic());

    assertIsRefused(
        pull(),
        "its token service "
            + tokens.host()
            + " answered 401 to the credentials of "
            + tokens.host()
            + ", and anonymous pulls are refused too");
  }

  @Test
  void aBadEntryIsNamedWhereItWouldHaveBeenNeeded() {
    keyring.replace(
        DockerConfig.parse(
            "{\"auths\":{\"h.io\":{\"auth\":\"!s3cret\"}}}".getBytes(UTF_8), "f.json"));
    known = Set.of(SSO.basic());

    assertIsRefused(pull(), "f.json: auths.h.io.auth is not base64");
  }

  @Test
  void aHelperThatFailsIsNamed() {
    keyring.replace(
        DockerConfig.parse("{\"credsStore\":\"is-not-there\"}".getBytes(UTF_8), "f.json"));

    assertIsRefused(
        pull(), "f.json: credsStore: docker-credential-is-not-there is not on the PATH");
    assertThat(tokens.asked()).isEmpty();
  }

  @Test
  void anIdentityTokenIsPostedAsARefreshToken() {
    keys(tokens.host(), new Credentials("", "", "s3cret+/="));
    tokens.answer(asked -> {
      accepted.add("Bearer x");
      return new Said(200, Map.of(), "{\"access_token\":\"x\",\"expires_in\":100}");
    });

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.asked())
        .containsExactly(
            new Asked(
                "POST",
                "/token",
                Optional.empty(),
                "grant_type=refresh_token&service=registry&client_id=cistern"
                    + "&scope=repository%3Ateam%2Fapp%3Apull&refresh_token=s3cret%2B%2F%3D"));
  }

  @ParameterizedTest
  @ValueSource(ints = {404, 405})
  void aServiceThatTakesNoRefreshTokensIsAskedAsUsual(int status) {
    keys(tokens.host(), new Credentials("u", "", "t"));
    tokens.answer(asked -> asked.method().equals("POST") ? Said.of(status) : give(asked));

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(tokens.presented()).containsExactly("", new Credentials("u", "t", "").basic());
  }

  @Test
  void anIdentityTokenDoesNotFollowARedirect() {
    keys(tokens.host(), new Credentials("", "", "s3cret"));
    AskedService stranger = other;
    stranger.answer(asked -> Said.token("x", 100));
    try (stranger) {
      tokens.answer(asked ->
          asked.method().equals("POST")
              ? new Said(307, Map.of("Location", stranger.url()), "")
              : Said.of(401));

      assertIsRefused(pull(), "answered 307");
      assertThat(stranger.asked()).isEmpty();
    }
  }

  @Test
  void aRealmThatMovesIsFollowed() {
    pull();
    try (AskedService moved = other) {
      tokens.close();
      now.set(Instant.EPOCH.plus(Duration.ofDays(1)));
      accepted.clear();
      registry.answer(asked ->
          asked.authorization().filter(accepted::contains).isPresent()
              ? Said.of(200)
              : Said.challenge("Bearer realm=\"" + moved.url() + "/token\""));

      assertThat(pull()).isInstanceOf(Answer.Found.class);
    }
  }

  @Test
  void nothingSecretGoesOverPlainHttpToARegistryThatIsNotInsecure() throws IOException {
    keyring.replace(
        Keyring.first(List.of(config(registry.host(), ROBOT), config(tokens.host(), SSO))));
    try (Upstream open = open(registry, false, Set.of())) {
      assertThat(open.headManifest(APP, V1)).isInstanceOf(Answer.Unreachable.class);
      registry.answer(asked -> Said.challenge("Basic realm=\"x\""));
      assertIsRefused(open.headManifest(APP, V1), "none are configured");
    }
    assertThat(registry.presented()).containsOnly("");
    assertThat(tokens.asked()).isEmpty();
  }

  @Test
  void basicCredentialsThatAreRefusedAreSentOnce() {
    keys(registry.host(), ROBOT);
    registry.answer(asked -> Said.challenge("Basic realm=\"x\""));

    assertIsRefused(pull(), "it answered 401 to the credentials of " + registry.host());
    assertThat(registry.presented()).containsExactly("", ROBOT.basic());
  }

  @Test
  void twoUpstreamsWithOneRealmAndTheSameRepositoryNameDoNotShareTokens() throws IOException {
    try (AskedService other = AskedService.start("127.0.0.1", this::admit);
        Upstream second = open(other, true, Set.of())) {
      pull();
      assertThat(second.headManifest(APP, V1)).isInstanceOf(Answer.Found.class);

      assertThat(registry.presented()).containsExactly("", "Bearer token-1");
      assertThat(other.presented()).containsExactly("", "Bearer token-2");
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MIN_VALUE, Long.MAX_VALUE})
  void anyLifeOfATokenWillDo(long seconds) {
    tokens.answer(asked -> {
      accepted.add("Bearer x");
      return Said.token("x", seconds);
    });

    assertThat(pull()).isInstanceOf(Answer.Found.class);
    assertThat(pull()).isInstanceOf(Answer.Found.class);
  }
}
