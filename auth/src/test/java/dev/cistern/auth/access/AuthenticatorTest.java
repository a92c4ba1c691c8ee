package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class AuthenticatorTest {
  private static final String USERS =
      "anna:$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2\n";
  private static final String ANNAS = basic("anna", "correct horse");
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Principal ANNA = Principal.user("anna");
  private static final Principal ACCOUNT = Principal.serviceAccount("project-a", "default");

  @TempDir private Path directory;
  private final SetClock clock = new SetClock();
  private final PasswordChecks checks = new PasswordChecks(1, 1);
  private ECKey issuersKey;
  private Tokens tokens;
  private Authenticator authenticator;

  @BeforeEach
  void open() throws Exception {
    tokens = new Tokens(SigningKeys.open(directory), "https://r.example", "r.example", clock);
    issuersKey = new ECKeyGenerator(Curve.P_256).keyID("k").generate();
    authenticator = authenticator(Users.parse(USERS, "users"));
  }

  private Authenticator authenticator(Users users) {
    var settings =
        new OidcSettings(
            "https://id.example",
            "registry",
            OidcSettings.Algorithm.ES256,
            "sub",
            Optional.of("-"),
            Optional.of("groups"),
            Optional.empty());
    var issuer = OidcIssuer.of(settings, new JWKSet(issuersKey).toString(), clock);
    return new Authenticator(users, tokens, List.of(issuer), clock, clock, checks);
  }

  @Test
  void aUserShowsAPassword() {
    assertThat(authenticator.authenticate(ANNAS)).isEqualTo(caller(ANNA));
    assertThat(authenticator.authenticate(ANNAS.replace("Basic", "bAsIc"))).isEqualTo(caller(ANNA));
    assertThat(authenticator.authenticate(basic("anna", "wrong")))
        .isEqualTo(new Outcome.Refused("user or password is wrong"));
    assertThat(authenticator.authenticate(basic("nobody", "correct horse")))
        .isEqualTo(new Outcome.Refused("user or password is wrong"));
  }

  @Test
  void aServiceAccountShowsItsTokenUnderAnyUserNameOrAsBearer() {
    String token = tokens.serviceAccount("project-a", "default", HOUR);
    for (String name : List.of("", "unused", "anna", "<token>", "serviceaccount")) {
      assertThat(authenticator.authenticate(basic(name, token))).isEqualTo(caller(ACCOUNT));
    }
    assertThat(authenticator.authenticate("Bearer " + token)).isEqualTo(caller(ACCOUNT));
  }

  @Test
  void anotherIssuersTokenIsShownLikeAServiceAccounts() throws Exception {
    String token = issuersToken();
    Principal bert = Principal.user("bert").with(Set.of("team"));
    assertThat(authenticator.authenticate("Bearer " + token)).isEqualTo(caller(bert));
    assertThat(authenticator.authenticate(basic("any", token))).isEqualTo(caller(bert));
  }

  @Test
  void anAccessTokenLimitsTheCallerToItsGrants() {
    List<Grant> grants = List.of(new Grant("repository", "a/b", Set.of("pull")));
    String token = tokens.access(ANNA, grants, HOUR);
    assertThat(authenticator.authenticate("Bearer " + token))
        .isEqualTo(new Outcome.Caller(ANNA, Optional.of(grants)));
    assertThat(authenticator.authenticate(basic("anna", token)))
        .isInstanceOf(Outcome.Refused.class);
  }

  @Test
  void aRefreshTokenIsOnlyForTheTokenEndpoint() {
    String token = tokens.refresh(ANNA, "stamp", HOUR);
    assertThat(authenticator.authenticate("Bearer " + token))
        .isEqualTo(new Outcome.Refused("a refresh token is only for the token endpoint"));
    assertThat(authenticator.authenticate(basic("anna", token)))
        .isInstanceOf(Outcome.Refused.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "Basic",
        "Basic ",
        "Basic *",
        "Basic YW5uYQ==",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer e30.e30.e30",
        "Digest username=anna",
        "Negotiate YW5uYQ==",
        "BasicYW5uYTp4"
      })
  void whatIsMalformedIsRefused(String header) {
    assertThat(authenticator.authenticate(header)).isInstanceOf(Outcome.Refused.class);
  }

  @Test
  void aTokenOfAnUnknownIssuerIsRefused() {
    var others = new Tokens(keys(), "https://other.example", "r.example", clock);
    assertThat(authenticator.authenticate("Bearer " + others.access(ANNA, List.of(), HOUR)))
        .isEqualTo(new Outcome.Refused("the token is of an issuer that is not known here"));
  }

  @Test
  void aHeaderOfMoreThan24KiBIsNotLookedAt() {
    String header = "Basic " + "A".repeat(24 * 1024);
    assertThat(authenticator.known(header)).isNull();
    assertThat(authenticator.authenticate(header))
        .isEqualTo(new Outcome.Refused("the Authorization header is longer than 24576 characters"));
  }

  @Test
  void whatIsKnownIsWhatWasFoundOut() {
    String token = "Bearer " + tokens.serviceAccount("project-a", "default", HOUR);
    assertThat(authenticator.known(ANNAS)).isNull();
    assertThat(authenticator.known(token)).isNull();
    authenticator.authenticate(ANNAS);
    authenticator.authenticate(token);
    assertThat(authenticator.known(ANNAS)).isEqualTo(caller(ANNA));
    assertThat(authenticator.known(token)).isEqualTo(caller(ACCOUNT));
    assertThat(authenticator.known(ANNAS + "=")).isNull();
  }

  @Test
  void aPasswordIsKnownForFiveMinutes() {
    authenticator.authenticate(ANNAS);
    clock.move(Duration.ofMinutes(5).minusMillis(1));
    assertThat(authenticator.known(ANNAS)).isEqualTo(caller(ANNA));
    clock.move(Duration.ofMillis(1));
    assertThat(authenticator.known(ANNAS)).isNull();
    assertThat(authenticator.authenticate(ANNAS)).isEqualTo(caller(ANNA));
    assertThat(authenticator.known(ANNAS)).isEqualTo(caller(ANNA));
  }

  @Test
  void aTokenIsKnownUntilItExpires() {
    String token = "Bearer " + tokens.access(ANNA, List.of(), HOUR);
    authenticator.authenticate(token);
    clock.move(HOUR.minusMillis(1));
    assertThat(authenticator.known(token)).isNotNull();
    clock.move(Duration.ofMillis(1));
    assertThat(authenticator.known(token)).isNull();
    clock.move(Duration.ofSeconds(30));
    assertThat(authenticator.authenticate(token))
        .isEqualTo(new Outcome.Refused("the token has expired"));
  }

  @Test
  void aRefusalIsKnownForASecond() {
    String header = basic("anna", "wrong");
    authenticator.authenticate(header);
    assertThat(authenticator.known(header)).isInstanceOf(Outcome.Refused.class);
    clock.move(Duration.ofSeconds(1));
    assertThat(authenticator.known(header)).isNull();
  }

  @Test
  void withOtherUsersThereIsAnotherAuthenticatorThatKnowsNothing() {
    authenticator.authenticate(ANNAS);
    Authenticator next = authenticator(Users.NONE);
    assertThat(next.known(ANNAS)).isNull();
    assertThat(next.authenticate(ANNAS)).isInstanceOf(Outcome.Refused.class);
  }

  @Test
  void ifTooManyPasswordsWaitItIsBusyAndSaysSoOnlyThen() throws Exception {
    var end = new CountDownLatch(1);
    Future<Boolean> running = holdTheOnlyThread(end);
    Future<String> waiting = checks.submit(() -> "waited").orElseThrow();
    assertThat(checks.run(() -> "full")).isEmpty();
    assertThat(authenticator.authenticate(ANNAS)).isEqualTo(new Outcome.Busy());
    assertThat(authenticator.known(ANNAS)).isNull();
    String token = "Bearer " + tokens.serviceAccount("project-a", "default", HOUR);
    assertThat(authenticator.authenticate(token)).isEqualTo(caller(ACCOUNT));
    end.countDown();
    assertThat(running.get()).isTrue();
    assertThat(waiting.get()).isEqualTo("waited");
    assertThat(authenticator.authenticate(ANNAS)).isEqualTo(caller(ANNA));
  }

  @Test
  void equalHeadersThatComeAtOnceAreCheckedOnce() throws Exception {
    int many = 16;
    var came = new CountDownLatch(many);
    var end = new CountDownLatch(1);
    Future<Boolean> running = holdTheOnlyThread(end);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var outcomes = new ArrayList<Future<Outcome>>();
      for (int i = 0; i < many; i++) {
        outcomes.add(
            threads.submit(() -> {
              came.countDown();
              return authenticator.authenticate(ANNAS);
            }));
      }
      came.await();
      end.countDown();
      for (Future<Outcome> outcome : outcomes) {
        assertThat(outcome.get()).as("only one can wait").isEqualTo(caller(ANNA));
      }
    }
    assertThat(running.get()).isTrue();
  }

  @Test
  void whoIsInterruptedWhileWaitingIsToldToComeBack() throws Exception {
    var end = new CountDownLatch(1);
    Future<Boolean> running = holdTheOnlyThread(end);
    Thread.currentThread().interrupt();
    assertThat(authenticator.authenticate(ANNAS)).isEqualTo(new Outcome.Busy());
    assertThat(Thread.interrupted()).isTrue();
    end.countDown();
    assertThat(running.get()).isTrue();
  }

  @Test
  void noSecretIsShown() {
    String access = tokens.access(ANNA, List.of(), HOUR);
    String account = tokens.serviceAccount("project-a", "default", HOUR);
    var shown = new ArrayList<Object>();
    for (String header :
        List.of(
            ANNAS,
            basic("anna", "s3cret"),
            basic("s3cret", "s3cret"),
            basic("anna", account + "s3cret"),
            "Bearer " + access,
            "Bearer " + access + "s3cret",
            "Bearer " + account,
            "Bearer s3cret",
            "s3cret",
            "Digest s3cret",
            "Basic s3cret")) {
      shown.add(authenticator.authenticate(header));
      shown.add(String.valueOf(authenticator.known(header)));
    }
    shown.addAll(List.of(authenticator, tokens, checks, keys(), Users.parse(USERS, "users")));
    shown.addAll(List.of(tokens.verify(access), tokens.verify(account), tokens.verify("s3cret")));
    assertThat(shown.toString())
        .doesNotContain("s3cret", "correct horse", "HNbAKRhp", ANNAS.substring(6), "eyJ")
        .doesNotContain(access.substring(access.lastIndexOf('.')))
        .doesNotContain(account.substring(account.lastIndexOf('.')));
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  /** No user has a password here, so that a check costs little: whatever comes is refused. */
  @ParameterizedTest
  @MethodSource("seeds")
  void anyHeaderIsRefusedUnlessItIsRight(long seed) {
    Authenticator strict = authenticator(Users.NONE);
    var random = new SplittableRandom(seed);
    String token = tokens.access(ANNA, List.of(), HOUR);
    String[] pieces = {
      "Basic ",
      "Bearer ",
      "basic",
      " ",
      "\t",
      ":",
      token.substring(0, 40),
      ".",
      "eyJ",
      "AAAA",
      "=",
      "*",
      "\0",
      "ü",
      basic("a", "b").substring(6),
      "e30"
    };
    for (int round = 0; round < 100; round++) {
      var header = new StringBuilder(random.nextBoolean() ? "Basic " : "Bearer ");
      for (int i = random.nextInt(8); i > 0; i--) {
        header.append(pieces[random.nextInt(pieces.length)]);
      }
      assertThat(strict.authenticate(header.toString()))
          .as("seed %d, round %d: %s", seed, round, header)
          .isInstanceOf(Outcome.Refused.class);
    }
  }

  private Future<Boolean> holdTheOnlyThread(CountDownLatch end) throws InterruptedException {
    var start = new CountDownLatch(1);
    Future<Boolean> held =
        checks
            .submit(() -> {
              start.countDown();
              end.await();
              return true;
            })
            .orElseThrow();
    start.await();
    return held;
  }

  private String issuersToken() throws Exception {
    var claims =
        new JWTClaimsSet.Builder()
            .issuer("https://id.example")
            .audience("registry")
            .subject("bert")
            .claim("groups", List.of("team"))
            .issueTime(Date.from(clock.instant()))
            .expirationTime(Date.from(clock.instant().plus(HOUR)))
            .build();
    var jwt = new SignedJWT(new JWSHeader.Builder(JWSAlgorithm.ES256).keyID("k").build(), claims);
    jwt.sign(new ECDSASigner(issuersKey));
    return jwt.serialize();
  }

  private SigningKeys keys() {
    try {
      return SigningKeys.open(directory);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  private static Outcome caller(Principal principal) {
    return new Outcome.Caller(principal, Optional.empty());
  }

  private static String basic(String name, String password) {
    return "Basic " + Base64.getEncoder().encodeToString((name + ":" + password).getBytes(UTF_8));
  }
}
