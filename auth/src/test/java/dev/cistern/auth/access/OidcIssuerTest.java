package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.OctetSequenceKey;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.OctetSequenceKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import dev.cistern.auth.access.OidcSettings.Algorithm;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class OidcIssuerTest {
  private static final String ISSUER = "https://id.example";
  private static RSAKey rsa;
  private static RSAKey otherRsa;
  private static ECKey ec;

  private final SetClock clock = new SetClock();

  @BeforeAll
  static void makeKeys() throws Exception {
    rsa = new RSAKeyGenerator(2048).keyID("rsa").generate();
    otherRsa = new RSAKeyGenerator(2048).keyID("rsa").generate();
    ec = new ECKeyGenerator(Curve.P_256).keyID("ec").generate();
  }

  @ParameterizedTest
  @EnumSource
  void aTokenSignedWithTheConfiguredAlgorithmIsBelieved(Algorithm algorithm) throws Exception {
    OidcIssuer issuer = issuer(settings(algorithm), rsa, ec);
    for (Algorithm signed : Algorithm.values()) {
      Optional<Principal> user = issuer.verify(sign(signed, claims().build()));
      assertThat(user.isPresent())
          .as("%s for %s", signed, algorithm)
          .isEqualTo(signed == algorithm);
    }
    assertThat(issuer.verify(sign(algorithm, claims().build())))
        .contains(Principal.user("https://id.example#1234"));
  }

  @Test
  void nameAndGroupsComeFromTheConfiguredClaims() throws Exception {
    JWTClaimsSet claims =
        claims()
            .claim("preferred_username", "anna")
            .claim("roles", List.of("team", "ops"))
            .claim("groups", List.of("not asked for"))
            .build();
    assertThat(
            issuer(named("preferred_username", "corp:", "roles", "corp/"), rsa)
                .verify(sign(Algorithm.RS256, claims)))
        .contains(Principal.user("corp:anna").with(List.of("corp/team", "corp/ops")));
    assertThat(
            issuer(named("preferred_username", "-", "roles", ""), rsa)
                .verify(sign(Algorithm.RS256, claims)))
        .contains(Principal.user("anna").with(List.of("team", "ops")));
    assertThat(issuer(named("sub", "", "none", ""), rsa).verify(sign(Algorithm.RS256, claims)))
        .contains(Principal.user("1234"));
    assertThat(issuer(settings(Algorithm.RS256), rsa).verify(sign(Algorithm.RS256, claims)))
        .contains(Principal.user("https://id.example#1234"));
  }

  @Test
  void oneGroupNeedNotBeInAList() throws Exception {
    assertThat(
            issuer(named("sub", "-", "groups", ""), rsa)
                .verify(sign(Algorithm.RS256, claims().claim("groups", "team").build())))
        .contains(Principal.user("1234").with(List.of("team")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"system:admin", "system:anonymous", "system:serviceaccount:a:b", "", "a\nb"})
  void nobodyIsGivenANameThatOnlyThisServerGives(String name) throws Exception {
    assertRefused(named("sub", "-", "groups", ""), claims().subject(name).build());
    assertRefused(named("name", "", "groups", ""), claims().claim("name", name).build());
    assertRefused(
        named("sub", "-", "groups", ""), claims().claim("groups", List.of("a", name)).build());
  }

  @Test
  void aNameThatBecomesOneOfTheSystemByItsPrefixIsRefused() throws Exception {
    assertRefused(named("sub", "sys", "groups", ""), claims().subject("tem:admin").build());
    assertRefused(
        named("sub", "-", "groups", "sys"), claims().claim("groups", List.of("tem:a")).build());
    assertThatThrownBy(() -> named("sub", "system:", "groups", ""))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("system:");
    assertThatThrownBy(() -> named("sub", "-", "groups", "system:x"))
        .isInstanceOf(AccessException.class);
  }

  @Test
  void claimsOfAnotherFormAreRefused() throws Exception {
    OidcSettings settings = named("name", "-", "groups", "");
    assertRefused(settings, claims().build());
    assertRefused(settings, claims().claim("name", 7).build());
    assertRefused(settings, claims().claim("name", "a").claim("groups", List.of(1)).build());
    assertRefused(settings, claims().claim("name", "a").claim("groups", 1).build());
  }

  @Test
  void anAddressIsANameOnlyIfItWasVerified() throws Exception {
    OidcSettings settings = named("email", "-", "groups", "");
    var claims = claims().claim("email", "anna@id.example");
    assertThat(issuer(settings, rsa).verify(sign(Algorithm.RS256, claims.build()))).isPresent();
    assertThat(
            issuer(settings, rsa)
                .verify(sign(Algorithm.RS256, claims.claim("email_verified", true).build())))
        .contains(Principal.user("anna@id.example"));
    assertRefused(settings, claims.claim("email_verified", false).build());
    assertRefused(settings, claims.claim("email_verified", "true").build());
  }

  @Test
  void issuerAudienceAndTimesAreChecked() throws Exception {
    OidcSettings settings = settings(Algorithm.RS256);
    Instant now = clock.instant();
    assertThat(
            issuer(settings, rsa)
                .verify(sign(Algorithm.RS256, claims().audience(List.of("x", "registry")).build())))
        .isPresent();
    assertRefused(settings, claims().issuer("https://id.example/").build());
    assertRefused(settings, claims().issuer(null).build());
    assertRefused(settings, claims().audience("registry2").build());
    assertRefused(settings, claims().audience((String) null).build());
    assertRefused(settings, claims().expirationTime(null).build());
    assertRefused(settings, claims().issueTime(null).build());
    assertRefused(settings, claims().expirationTime(Date.from(now.minusSeconds(30))).build());
    assertRefused(settings, claims().notBeforeTime(Date.from(now.plusSeconds(31))).build());
    assertRefused(settings, claims().issueTime(Date.from(now.plusSeconds(31))).build());
  }

  @Test
  void aPublicKeyIsNoSharedSecretAndAnotherKeyIsNotTheirs() throws Exception {
    OidcIssuer issuer = issuer(settings(Algorithm.RS256), rsa);
    for (byte[] secret :
        List.of(
            rsa.toRSAPublicKey().getEncoded(), rsa.toPublicJWK().toJSONString().getBytes(UTF_8))) {
      JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.HS256).keyID("rsa").build();
      assertThat(issuer.verify(sign(header, claims().build(), new MACSigner(secret)))).isEmpty();
    }
    JWSHeader header =
        new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("rsa").jwk(otherRsa.toPublicJWK()).build();
    assertThat(issuer.verify(sign(header, claims().build(), new RSASSASigner(otherRsa)))).isEmpty();
    assertThat(issuer.verify("no token")).isEmpty();
  }

  @Test
  void anIdChoosesAmongTheKeysAndATokenWithoutMayBeOfAny() throws Exception {
    OidcIssuer issuer = issuer(settings(Algorithm.RS256), ec, otherRsa, rsa);
    var signer = new RSASSASigner(rsa);
    for (String id : new String[] {"rsa", null}) {
      JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.RS256).keyID(id).build();
      assertThat(issuer.verify(sign(header, claims().build(), signer))).isPresent();
    }
    JWSHeader header = new JWSHeader.Builder(JWSAlgorithm.RS256).keyID("ec").build();
    assertThat(issuer.verify(sign(header, claims().build(), signer))).isEmpty();
  }

  @Test
  void keysThatAreNotForTheAlgorithmAreLeftOut() throws Exception {
    RSAKey small = new RSAKeyGenerator(1024, true).generate();
    RSAKey encrypts = new RSAKey.Builder(rsa).keyUse(KeyUse.ENCRYPTION).build();
    RSAKey other = new RSAKey.Builder(rsa).algorithm(JWSAlgorithm.RS512).build();
    OctetSequenceKey secret = new OctetSequenceKeyGenerator(256).generate();
    ECKey curve = new ECKeyGenerator(Curve.P_384).generate();
    for (JWK key : List.of(small, encrypts, other, secret, ec)) {
      assertNoKey(Algorithm.RS256, key);
    }
    for (JWK key : List.of(curve, secret, rsa)) {
      assertNoKey(Algorithm.ES256, key);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{}", "{\"keys\":7}", "{\"keys\":[7]}", "s3cret", "null"})
  void keysMustBeAJwkSet(String text) {
    assertThatThrownBy(() -> OidcIssuer.of(settings(Algorithm.RS256), text, clock))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("https://id.example")
        .message()
        .doesNotContain("s3cret");
  }

  @Test
  void settingsAreNotEmptyAndAnAlgorithmIsOneOfThree() {
    assertThat(Algorithm.parse("PS256")).isEqualTo(Algorithm.PS256);
    for (String name : List.of("none", "HS256", "rs256", "")) {
      assertThatThrownBy(() -> Algorithm.parse(name))
          .isInstanceOf(AccessException.class)
          .hasMessageEndingWith("there are RS256, PS256 and ES256");
    }
    assertThatThrownBy(() -> settings("", "registry", "sub"))
        .hasMessage("the issuer of an OIDC issuer is empty");
    assertThatThrownBy(() -> settings(ISSUER, " ", "sub"))
        .hasMessage("the audience of an OIDC issuer is empty");
    assertThatThrownBy(() -> settings(ISSUER, "registry", ""))
        .hasMessage("the username claim of an OIDC issuer is empty");
  }

  private void assertNoKey(Algorithm algorithm, JWK key) {
    assertThatThrownBy(() -> issuer(settings(algorithm), key))
        .isInstanceOf(AccessException.class)
        .hasMessageContaining("0 are for " + algorithm);
  }

  private void assertRefused(OidcSettings settings, JWTClaimsSet claims) throws Exception {
    assertThat(issuer(settings, rsa).verify(sign(Algorithm.RS256, claims))).isEmpty();
  }

  private OidcIssuer issuer(OidcSettings settings, JWK... keys) {
    return OidcIssuer.of(settings, new JWKSet(List.of(keys)).toString(false), clock);
  }

  private static OidcSettings settings(Algorithm algorithm) {
    return new OidcSettings(
        ISSUER, "registry", algorithm, "sub", Optional.empty(), Optional.empty(), Optional.empty());
  }

  private static OidcSettings settings(String issuer, String audience, String usernameClaim) {
    return new OidcSettings(
        issuer,
        audience,
        Algorithm.RS256,
        usernameClaim,
        Optional.empty(),
        Optional.empty(),
        Optional.empty());
  }

  private static OidcSettings named(
      String usernameClaim, String usernamePrefix, String groupsClaim, String groupsPrefix) {
    return new OidcSettings(
        ISSUER,
        "registry",
        Algorithm.RS256,
        usernameClaim,
        Optional.of(usernamePrefix),
        Optional.of(groupsClaim),
        Optional.of(groupsPrefix));
  }

  private JWTClaimsSet.Builder claims() {
    Instant now = clock.instant();
    return new JWTClaimsSet.Builder()
        .issuer(ISSUER)
        .audience("registry")
        .subject("1234")
        .issueTime(Date.from(now))
        .expirationTime(Date.from(now.plus(Duration.ofHours(1))));
  }

  private static String sign(Algorithm algorithm, JWTClaimsSet claims) throws Exception {
    return switch (algorithm) {
      case RS256 -> sign(header(JWSAlgorithm.RS256, "rsa"), claims, new RSASSASigner(rsa));
      case PS256 -> sign(header(JWSAlgorithm.PS256, "rsa"), claims, new RSASSASigner(rsa));
      case ES256 -> sign(header(JWSAlgorithm.ES256, "ec"), claims, new ECDSASigner(ec));
    };
  }

  private static JWSHeader header(JWSAlgorithm algorithm, String id) {
    return new JWSHeader.Builder(algorithm).keyID(id).build();
  }

  private static String sign(JWSHeader header, JWTClaimsSet claims, JWSSigner signer)
      throws Exception {
    var jwt = new SignedJWT(header, claims);
    jwt.sign(signer);
    return jwt.serialize();
  }
}
