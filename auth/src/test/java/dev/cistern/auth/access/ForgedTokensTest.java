package dev.cistern.auth.access;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.JWSSigner;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.RSASSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jose.util.Base64URL;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What an attacker can make of a token's format; none of it is believed. */
class ForgedTokensTest {
  private static final String ISSUER = "https://r.example";
  private static final String SERVICE = "r.example";
  private static final JOSEObjectType ACCESS = new JOSEObjectType("at+jwt");
  private static final Duration HOUR = Duration.ofHours(1);

  @TempDir private Path directory;
  private final SetClock clock = new SetClock();
  private Tokens tokens;
  private ECKey ours;
  private ECKey theirs;

  @BeforeEach
  void open() throws Exception {
    ours = new ECKeyGenerator(Curve.P_256).keyIDFromThumbprint(true).generate();
    theirs = new ECKeyGenerator(Curve.P_256).keyIDFromThumbprint(true).generate();
    Path file =
        Files.writeString(
            directory.resolve("k.pem"),
            "-----BEGIN PRIVATE KEY-----\n"
                + Base64.getMimeEncoder().encodeToString(ours.toECPrivateKey().getEncoded())
                + "\n-----END PRIVATE KEY-----\n");
    tokens = new Tokens(SigningKeys.of(List.of(file)), ISSUER, SERVICE, clock);
  }

  @Test
  void theTokenThatTheOthersDifferFromIsBelieved() throws Exception {
    assertThat(tokens.verify(sign(header().build(), claims().build(), ours)))
        .isEqualTo(
            new Verified.Access(Principal.user("anna"), List.of(), clock.instant().plus(HOUR)));
  }

  @Test
  void anUnsignedTokenIsRefused() throws Exception {
    String payload = claims().build().toPayload().toBase64URL().toString();
    for (String algorithm : List.of("none", "None", "NONE", "nOnE", "")) {
      String header = encode("{\"alg\":\"%s\",\"typ\":\"at+jwt\"}".formatted(algorithm));
      assertRefused(header + "." + payload + ".");
      assertRefused(header + "." + payload + ".AAAA");
    }
    String signed = tokens.access(Principal.user("anna"), List.of(), HOUR);
    assertRefused(signed.substring(0, signed.lastIndexOf('.') + 1));
    assertRefused(signed.substring(0, signed.lastIndexOf('.')));
  }

  @Test
  void thePublicKeyIsNoSharedSecret() throws Exception {
    JWSHeader header =
        new JWSHeader.Builder(JWSAlgorithm.HS256).type(ACCESS).keyID(ours.getKeyID()).build();
    for (byte[] secret :
        List.of(
            ours.toECPublicKey().getEncoded(),
            ours.toPublicJWK().toJSONString().getBytes(UTF_8),
            ours.getX().decode())) {
      assertRefused(sign(header, claims().build(), new MACSigner(secret)), "it must be ES256");
    }
  }

  @Test
  void anotherAlgorithmIsRefused() throws Exception {
    RSAKey rsa = new RSAKeyGenerator(2048).generate();
    for (JWSAlgorithm algorithm : List.of(JWSAlgorithm.RS256, JWSAlgorithm.PS256)) {
      JWSHeader header =
          new JWSHeader.Builder(algorithm)
              .type(ACCESS)
              .keyID(ours.getKeyID())
              .jwk(rsa.toPublicJWK())
              .build();
      assertRefused(sign(header, claims().build(), new RSASSASigner(rsa)), "it must be ES256");
    }
    ECKey larger = new ECKeyGenerator(Curve.P_384).generate();
    JWSHeader header =
        new JWSHeader.Builder(JWSAlgorithm.ES384).type(ACCESS).keyID(ours.getKeyID()).build();
    assertRefused(sign(header, claims().build(), new ECDSASigner(larger)), "it must be ES256");
  }

  @Test
  void aKeyThatATokenBringsIsNotUsed() throws Exception {
    for (String id : List.of(ours.getKeyID(), theirs.getKeyID())) {
      assertRefused(
          sign(header().keyID(id).jwk(theirs.toPublicJWK()).build(), claims().build(), theirs));
      assertRefused(
          sign(
              header().keyID(id).jwkURL(URI.create("http://127.0.0.1:1/keys")).build(),
              claims().build(),
              theirs));
      assertRefused(
          sign(
              header().keyID(id).x509CertURL(URI.create("http://127.0.0.1:1/cert")).build(),
              claims().build(),
              theirs));
      assertRefused(
          sign(
              header()
                  .keyID(id)
                  .x509CertChain(List.of(new com.nimbusds.jose.util.Base64("AAAA")))
                  .x509CertSHA256Thumbprint(new Base64URL("AAAA"))
                  .build(),
              claims().build(),
              theirs));
    }
  }

  @Test
  void whatATokenBringsIsIgnoredInOneThatIsSignedRightly() throws Exception {
    JWSHeader header =
        header()
            .jwk(theirs.toPublicJWK())
            .jwkURL(URI.create("http://127.0.0.1:1/keys"))
            .x509CertURL(URI.create("http://127.0.0.1:1/cert"))
            .build();
    assertThat(tokens.verify(sign(header, claims().build(), ours)))
        .isInstanceOf(Verified.Access.class);
  }

  @Test
  void anotherKeyUnderTheSameIdIsRefused() throws Exception {
    assertRefused(sign(header().build(), claims().build(), theirs), "not signed by a key");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "../../dev/null",
        "/dev/null",
        "k.pem",
        "' OR '1'='1",
        "http://127.0.0.1:1/",
        "\u0000",
        "k\npem"
      })
  void anIdOnlyChoosesAmongTheKeysThatAreThere(String id) throws Exception {
    assertRefused(
        sign(header().keyID(id).build(), claims().build(), theirs), "not signed by a key");
    assertRefused(sign(header().keyID(id).build(), claims().build(), ours), "not signed by a key");
  }

  @Test
  void aTokenWithoutAnIdIsRefused() throws Exception {
    assertRefused(
        sign(header().keyID(null).build(), claims().build(), ours), "not signed by a key");
  }

  @Test
  void unknownExtensionsAreRefused() throws Exception {
    JWSHeader header = header().criticalParams(Set.of("exp")).customParam("exp", 1).build();
    assertRefused(sign(header, claims().build(), ours), "crit");
    JWSHeader unencoded =
        header().base64URLEncodePayload(false).criticalParams(Set.of("b64")).build();
    assertRefused(sign(unencoded, claims().build(), ours));
  }

  @Test
  void anEmptySignatureOfZerosIsRefused() throws Exception {
    String signed = tokens.access(Principal.user("anna"), List.of(), HOUR);
    String unsigned = signed.substring(0, signed.lastIndexOf('.') + 1);
    for (int length : new int[] {0, 1, 63, 64, 65, 128}) {
      assertRefused(unsigned + Base64URL.encode(new byte[length]));
    }
  }

  @Test
  void anotherIssuerOrAudienceIsRefused() throws Exception {
    assertRefused(
        sign(header().build(), claims().issuer("https://r.example/").build(), ours),
        "issuer is not");
    assertRefused(sign(header().build(), claims().issuer(null).build(), ours), "issuer is not");
    assertRefused(
        sign(header().build(), claims().audience("other").build(), ours), "not for the audience");
    assertRefused(
        sign(header().build(), claims().audience((String) null).build(), ours),
        "not for the audience");
  }

  @Test
  void timesMustBeThereAndMustBeNumbers() throws Exception {
    assertRefused(sign(header().build(), claims().expirationTime(null).build(), ours), "exp");
    assertRefused(sign(header().build(), claims().issueTime(null).build(), ours), "iat");
    assertRefused(sign(header().build(), claims().claim("exp", "soon").build(), ours));
    Instant now = clock.instant();
    assertRefused(
        sign(
            header().build(),
            claims().expirationTime(Date.from(now.minusSeconds(30))).build(),
            ours),
        "expired");
    assertRefused(
        sign(
            header().build(), claims().notBeforeTime(Date.from(now.plusSeconds(31))).build(), ours),
        "not yet");
    assertRefused(
        sign(header().build(), claims().issueTime(Date.from(now.plusSeconds(31))).build(), ours),
        "not yet");
  }

  @Test
  void oneKindOfTokenIsNotAnother() throws Exception {
    Principal anna = Principal.user("anna");
    assertThat(tokens.verify(tokens.access(anna, List.of(), HOUR)))
        .isInstanceOf(Verified.Access.class);
    assertThat(tokens.verify(tokens.refresh(anna, "s", HOUR))).isInstanceOf(Verified.Refresh.class);
    assertThat(tokens.verify(tokens.serviceAccount("a", "b", HOUR)))
        .isInstanceOf(Verified.ServiceAccount.class);

    String[] access = tokens.access(anna, List.of(), HOUR).split("\\.", -1);
    String[] refresh = tokens.refresh(anna, "s", HOUR).split("\\.", -1);
    assertRefused(access[0] + "." + refresh[1] + "." + refresh[2], "not signed");
    assertRefused(refresh[0] + "." + access[1] + "." + access[2], "not signed");

    for (String type : new String[] {"JWT", "jwt", "at+jwt ", "application/at+jwt", ""}) {
      assertRefused(
          sign(header().type(new JOSEObjectType(type)).build(), claims().build(), ours), "no kind");
    }
    assertRefused(sign(header().type(null).build(), claims().build(), ours), "no kind");
  }

  @Test
  void eachKindHasItsClaims() throws Exception {
    assertRefused(sign(header().build(), claims().claim("access", null).build(), ours), "access");
    for (Object wrong :
        List.of(
            "all",
            List.of("all"),
            List.of(Map.of("type", "repository", "name", "a")),
            List.of(Map.of("type", "repository", "name", "a", "actions", "pull")),
            List.of(Map.of("type", "repository", "name", "a", "actions", List.of(1))))) {
      assertRefused(
          sign(header().build(), claims().claim("access", wrong).build(), ours), "access");
    }
    assertRefused(
        sign(header().build(), claims().claim("groups", List.of(1)).build(), ours), "groups");
    assertRefused(sign(header().build(), claims().subject(null).build(), ours), "sub");
    JWSHeader refresh = header().type(new JOSEObjectType("refresh+jwt")).build();
    assertRefused(sign(refresh, claims().build(), ours), "stamp");
    JWSHeader account = header().type(new JOSEObjectType("serviceaccount+jwt")).build();
    assertRefused(sign(account, claims().build(), ours), "no service account");
  }

  @Test
  void nobodyIsGivenANameOrAGroupOfTheSystem() throws Exception {
    assertRefused(
        sign(header().build(), claims().subject("system:admin").build(), ours), "system:");
    assertRefused(
        sign(
            header().build(),
            claims().claim("groups", List.of("system:serviceaccounts:a")).build(),
            ours),
        "system:");
    JWSHeader refresh = header().type(new JOSEObjectType("refresh+jwt")).build();
    assertRefused(
        sign(refresh, claims().subject("system:anonymous").claim("stamp", "s").build(), ours),
        "system:");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "eyJ.eyJ.eyJ",
        "bm90IGpzb24.bm90IGpzb24.AAAA",
        "bnVsbA.e30.AAAA",
        "bnVsbA.bnVsbA.bnVsbA",
        "eyJhbGciOiJFUzI1NiJ9.W10.AAAA",
        "eyJhbGciOiJFUzI1NiJ9.bnVsbA.AAAA",
        "eyJhbGciOiJFUzI1NiJ9.e30.AAAA.e30.AAAA"
      })
  void whatIsNoSignedTokenIsRefused(String text) {
    assertRefused(text);
  }

  @Test
  void deepJsonIsRefused() {
    String deep = "{\"a\":" + "[".repeat(5000) + "]".repeat(5000) + "}";
    assertRefused(encode("{\"alg\":\"ES256\"}") + "." + encode(deep) + ".AAAA");
    String deepHeader = "{\"alg\":\"ES256\",\"a\":" + "[".repeat(5000) + "]".repeat(5000) + "}";
    assertRefused(encode(deepHeader) + ".e30.AAAA");
  }

  @Test
  void aTokenLongerThan16KiBIsNotRead() throws Exception {
    String fits = sign(header().build(), claims().claim("pad", "x".repeat(11_000)).build(), ours);
    assertThat(fits.length()).isLessThan(16 * 1024);
    assertThat(tokens.verify(fits)).isInstanceOf(Verified.Access.class);
    assertRefused(
        sign(header().build(), claims().claim("pad", "x".repeat(13_000)).build(), ours),
        "longer than 16384 characters");
    assertRefused("x".repeat(1 << 20), "longer than 16384 characters");
  }

  @Test
  void aTokenThatIsCutOffIsRefused() {
    String signed = tokens.access(Principal.user("anna"), List.of(), HOUR);
    for (int length = 0; length < signed.length(); length++) {
      assertRefused(signed.substring(0, length));
    }
  }

  /** What decodes to the same bytes would otherwise be the same token to us, and not to others. */
  @Test
  void anotherSpellingOfATokenIsRefused() {
    String spelled = "not base64url as it is written";
    int tried = 0;
    while (tried < 2) {
      String signed = tokens.access(Principal.user("anna"), List.of(), HOUR);
      int signature = signed.lastIndexOf('.');
      for (String letters : List.of("_/", "-+")) {
        int at = signed.indexOf(letters.charAt(0), signature);
        if (at > 0) {
          assertRefused(
              signed.substring(0, at) + letters.charAt(1) + signed.substring(at + 1), spelled);
          tried++;
        }
      }
      assertRefused(signed + "=", spelled);
    }
  }

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void aTokenWithAChangedByteIsRefused(long seed) {
    var random = new SplittableRandom(seed);
    Principal anna = Principal.user("anna");
    for (int round = 0; round < 100; round++) {
      String token = tokens.refresh(anna, "stamp", HOUR);
      int at = random.nextInt(token.length());
      char to = (char) random.nextInt(1, 128);
      String changed = token.substring(0, at) + to + token.substring(at + 1);
      Verified result = tokens.verify(changed);
      if (to != token.charAt(at)) {
        assertThat(result)
            .as("seed %d, round %d: %s for %s at %d", seed, round, (int) to, token, at)
            .isInstanceOf(Verified.Refused.class);
      }
    }
  }

  /** All of it is asked about before any signature is looked at. */
  @ParameterizedTest
  @MethodSource("seeds")
  void claimsOfAnyFormAreRefusedAndNothingElse(long seed) {
    var random = new SplittableRandom(seed);
    String[] names = {
      "alg", "typ", "kid", "crit", "jwk", "jku", "x5u", "x5c", "x5t", "b64", "cty", "zip", "iss",
      "aud", "exp", "nbf", "iat", "sub", "access", "groups"
    };
    String[] values = {
      "null",
      "1",
      "-1e999",
      "99999999999999999999",
      "true",
      "\"\"",
      "\"ES256\"",
      "\"at+jwt\"",
      "[]",
      "[null]",
      "[1]",
      "[\"exp\"]",
      "{}",
      "{\"kty\":\"EC\"}",
      "{\"kty\":null}",
      "\"" + ISSUER + "\"",
      "\"" + SERVICE + "\"",
      "\"%\"",
      "nul",
      "\"" + ours.getKeyID() + "\""
    };
    for (int round = 0; round < 200; round++) {
      String header =
          json(random, names, values, random.nextInt(4) == 0 ? "" : "\"alg\":\"ES256\"");
      String payload = json(random, names, values, "");
      String token = encode(header) + "." + encode(payload) + "." + "A".repeat(86);
      assertThat(tokens.verify(token))
          .as("seed %d, round %d: %s %s", seed, round, header, payload)
          .isInstanceOf(Verified.Refused.class);
    }
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void signedClaimsOfAnyFormAreReadOrRefused(long seed) throws Exception {
    var random = new SplittableRandom(seed);
    String[] names = {"iss", "aud", "exp", "nbf", "iat", "sub", "access", "groups"};
    Object[] values = {
      1, -1L, Long.MAX_VALUE, 1e300, true, "", ISSUER, SERVICE, List.of(), List.of(1), Map.of()
    };
    for (int round = 0; round < 20; round++) {
      var claims = claims();
      for (int i = random.nextInt(3); i >= 0; i--) {
        claims.claim(names[random.nextInt(names.length)], values[random.nextInt(values.length)]);
      }
      JWTClaimsSet built = claims.build();
      assertThat(tokens.verify(sign(header().build(), built, ours)))
          .as("seed %d, round %d: %s", seed, round, built)
          .isInstanceOfAny(Verified.Refused.class, Verified.Access.class);
    }
  }

  private static String json(
      SplittableRandom random, String[] names, String[] values, String first) {
    var json = new StringBuilder("{").append(first);
    for (int i = random.nextInt(5); i > 0; i--) {
      json.append(json.length() > 1 ? ",\"" : "\"")
          .append(names[random.nextInt(names.length)])
          .append("\":")
          .append(values[random.nextInt(values.length)]);
    }
    return json.append('}').toString();
  }

  private static JWSHeader.Builder header(String id) {
    return new JWSHeader.Builder(JWSAlgorithm.ES256).type(ACCESS).keyID(id);
  }

  private JWSHeader.Builder header() {
    return header(ours.getKeyID());
  }

  private JWTClaimsSet.Builder claims() {
    Instant now = clock.instant();
    return new JWTClaimsSet.Builder()
        .issuer(ISSUER)
        .audience(SERVICE)
        .subject("anna")
        .issueTime(Date.from(now))
        .notBeforeTime(Date.from(now))
        .expirationTime(Date.from(now.plus(HOUR)))
        .claim("access", List.of());
  }

  private static String sign(JWSHeader header, JWTClaimsSet claims, ECKey key) throws Exception {
    return sign(header, claims, new ECDSASigner(key));
  }

  private static String sign(JWSHeader header, JWTClaimsSet claims, JWSSigner signer)
      throws Exception {
    var jwt = new SignedJWT(header, claims);
    jwt.sign(signer);
    return jwt.serialize();
  }

  private static String encode(String json) {
    return Base64URL.encode(json).toString();
  }

  private void assertRefused(String token) {
    assertRefused(token, "");
  }

  private void assertRefused(String token, String reason) {
    assertThat(tokens.verify(token))
        .isInstanceOfSatisfying(
            Verified.Refused.class, refused -> assertThat(refused.reason()).contains(reason));
  }
}
