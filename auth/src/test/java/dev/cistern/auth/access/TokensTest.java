package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokensTest {
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Principal ANNA = Principal.user("anna");
  private static final List<Grant> GRANTS =
      List.of(
          new Grant("repository", "project-a/app", Set.of("pull", "push")),
          new Grant("registry", "catalog", Set.of("*")));

  @TempDir private Path directory;
  private final SetClock clock = new SetClock();
  private Tokens tokens;

  @BeforeEach
  void open() throws Exception {
    tokens = new Tokens(SigningKeys.open(directory), "https://r.example", "r.example", clock);
  }

  @Test
  void anAccessTokenIsForAPrincipalAndGrants() {
    assertThat(tokens.verify(tokens.access(ANNA, GRANTS, HOUR)))
        .isEqualTo(new Verified.Access(ANNA, GRANTS, clock.instant().plus(HOUR)));
    assertThat(tokens.verify(tokens.access(Principal.ANONYMOUS, List.of(), HOUR)))
        .isEqualTo(new Verified.Access(Principal.ANONYMOUS, List.of(), clock.instant().plus(HOUR)));
    Principal account = Principal.serviceAccount("project-a", "default");
    assertThat(tokens.verify(tokens.access(account, GRANTS, HOUR)))
        .isEqualTo(new Verified.Access(account, GRANTS, clock.instant().plus(HOUR)));
  }

  @Test
  void groupsAreInATokenOnlyIfAnotherIssuerVouchesForThem() throws Exception {
    Principal bert = Principal.user("https://id.example#bert").with(Set.of("team", "ops"));
    String token = tokens.access(bert, List.of(), HOUR);
    assertThat(tokens.verify(token))
        .isEqualTo(new Verified.Access(bert, List.of(), clock.instant().plus(HOUR)));
    assertThat(claims(token).getStringListClaim("groups")).containsExactly("ops", "team");
    assertThat(claims(tokens.access(ANNA, GRANTS, HOUR)).getClaim("groups")).isNull();
  }

  @Test
  void aRefreshTokenHasTheStampOfItsUser() {
    assertThat(tokens.verify(tokens.refresh(ANNA, "stamp", HOUR)))
        .isEqualTo(new Verified.Refresh(ANNA, "stamp"));
    assertThatThrownBy(() -> tokens.refresh(Principal.ANONYMOUS, "stamp", HOUR))
        .isInstanceOf(AccessException.class);
    assertThatThrownBy(() -> tokens.refresh(Principal.serviceAccount("a", "b"), "stamp", HOUR))
        .isInstanceOf(AccessException.class);
  }

  @Test
  void aServiceAccountsTokenIsItsOwn() {
    assertThat(tokens.verify(tokens.serviceAccount("project-a", "default", HOUR)))
        .isEqualTo(
            new Verified.ServiceAccount(
                Principal.serviceAccount("project-a", "default"), clock.instant().plus(HOUR)));
    assertThatThrownBy(() -> tokens.serviceAccount("project-a", "a:b", HOUR))
        .isInstanceOf(AccessException.class);
  }

  @Test
  void aTokenSaysWhoMadeItForWhomAndWhen() throws Exception {
    JWTClaimsSet claims = claims(tokens.access(ANNA, GRANTS, HOUR));
    assertThat(claims.getIssuer()).isEqualTo("https://r.example");
    assertThat(claims.getAudience()).containsExactly("r.example");
    assertThat(claims.getSubject()).isEqualTo("anna");
    assertThat(claims.getIssueTime().toInstant()).isEqualTo(clock.instant());
    assertThat(claims.getNotBeforeTime().toInstant()).isEqualTo(clock.instant());
    assertThat(claims.getExpirationTime().toInstant()).isEqualTo(clock.instant().plus(HOUR));
  }

  @Test
  void aTokenExpiresWithThirtySecondsOfLeeway() {
    String token = tokens.access(ANNA, GRANTS, HOUR);
    clock.move(HOUR.plusSeconds(29));
    assertThat(tokens.verify(token)).isInstanceOf(Verified.Access.class);
    clock.move(Duration.ofSeconds(1));
    assertThat(tokens.verify(token)).isEqualTo(new Verified.Refused("the token has expired"));
  }

  @Test
  void aTokenOfTheFutureIsRefusedWithThirtySecondsOfLeeway() {
    clock.move(Duration.ofSeconds(30));
    String token = tokens.access(ANNA, GRANTS, HOUR);
    clock.move(Duration.ofSeconds(-30));
    assertThat(tokens.verify(token)).isInstanceOf(Verified.Access.class);
    clock.move(Duration.ofSeconds(-1));
    assertThat(tokens.verify(token))
        .isEqualTo(new Verified.Refused("the token is not yet in force"));
  }

  @Test
  void tokensOfAnOlderKeyAreGoodUntilItsFileGoes() throws Exception {
    String token = tokens.access(ANNA, GRANTS, HOUR);
    Path newer = Files.writeString(directory.resolve("z.pem"), SigningKey.generate());
    Tokens both = tokens(SigningKeys.open(directory));
    assertThat(both.verify(token)).isInstanceOf(Verified.Access.class);
    Tokens onlyNewer = tokens(SigningKeys.of(List.of(newer)));
    assertThat(onlyNewer.verify(token)).isInstanceOf(Verified.Refused.class);
    assertThat(onlyNewer.verify(both.access(ANNA, GRANTS, HOUR)))
        .isInstanceOf(Verified.Access.class);
  }

  @Test
  void aTokenIsNeverMadeThatIsTooLongToBeRead() {
    List<Grant> most =
        IntStream.range(0, Scope.MOST)
            .mapToObj(i -> "repository:" + "a".repeat(225) + i + ":pull,push")
            .map(text -> Scope.parse(text).orElseThrow())
            .toList();
    assertThat(tokens.verify(tokens.access(ANNA, most, HOUR))).isInstanceOf(Verified.Access.class);

    Set<String> groups = Set.of("a".repeat(255), "b".repeat(255), "c".repeat(255));
    var all = IntStream.range(0, 60).mapToObj(i -> "%03d".formatted(i).repeat(80)).toList();
    assertThat(tokens.verify(tokens.access(ANNA.with(groups), most, HOUR)))
        .isInstanceOf(Verified.Access.class);
    assertThatThrownBy(() -> tokens.access(ANNA.with(all), most, HOUR))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("longer than 16384 characters");
  }

  @Test
  void aTokenLivesForASecondOrMore() {
    assertThatThrownBy(() -> tokens.access(ANNA, GRANTS, Duration.ofMillis(999)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("a second or more");
  }

  private Tokens tokens(SigningKeys keys) {
    return new Tokens(keys, "https://r.example", "r.example", clock);
  }

  private static JWTClaimsSet claims(String token) throws Exception {
    assertThat(new String(Base64.getUrlDecoder().decode(token.split("\\.", -1)[1]), UTF_8))
        .startsWith("{");
    return SignedJWT.parse(token).getJWTClaimsSet();
  }
}
