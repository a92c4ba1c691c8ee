package dev.cistern.conformance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.math.BigInteger;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.interfaces.RSAPublicKey;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Tokens of another issuer, whose keys are in a file. */
class OidcTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final String ISSUER = "https://id.example";
  private static final String AUDIENCE = "the-registry";
  private static final String ADMINISTRATOR = Accounts.ALICE.user();
  private static final String PULLED = "/v2/project/app/manifests/v1";

  @SuppressWarnings("NullAway.Init")
  private static KeyPair key;

  @SuppressWarnings("NullAway.Init")
  private static KeyPair next;

  @TempDir Path directory;

  private final byte[] manifest = Samples.manifest("one");

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @BeforeAll
  static void makeKeys() throws GeneralSecurityException {
    var generator = KeyPairGenerator.getInstance("RSA");
    generator.initialize(2048);
    key = generator.generateKeyPair();
    next = generator.generateKeyPair();
  }

  @BeforeEach
  void start() {
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("a.yaml", ObjectFiles.binding("", "cluster-admin", "User", ADMINISTRATOR));
    objects.put("e.yaml", ObjectFiles.binding("project", "system:image-puller", "User", "id:erin"));
    objects.put("t.yaml", ObjectFiles.binding("project", "registry-editor", "Group", "id:team"));
    ObjectFiles.replace(directory.resolve("users"), Accounts.ALICE.line());
    ObjectFiles.replace(keys(), keySet(key));
    server =
        new TestConfig(directory)
            .line("resources: [" + objects.directory() + "]")
            .line(
                """
                access:
                  users: %s
                  anonymous: none
                  issuers:
                    - issuer: %s
                      audience: %s
                      usernameClaim: name
                      usernamePrefix: "id:"
                      groupsClaim: groups
                      groupsPrefix: "id:"
                      keys: %s
                """
                    .formatted(directory.resolve("users"), ISSUER, AUDIENCE, keys()))
            .start();
    try (TestClient alice = Accounts.ALICE.client(server)) {
      assertThat(alice.pushBlob("project/app", "{}".getBytes(UTF_8)).status()).isEqualTo(201);
      assertThat(alice.putManifest(PULLED, manifest).status()).isEqualTo(201);
    }
  }

  @AfterEach
  void stop() {
    server.close();
    assertThat(String.join("\n", server.log())).doesNotContain("eyJ");
  }

  @Test
  void aTokenPullsAsBearerAndAsAPassword() {
    String token = token(key, "erin", AUDIENCE, 300);
    assertThat(byBearer(token).bytes()).isEqualTo(manifest);
    assertThat(byPassword(token).bytes()).isEqualTo(manifest);
    try (TestClient erin = TestClient.with(server, token)) {
      Answered refused = erin.putManifest("/v2/project/app/manifests/v2", manifest);
      assertThat(refused.status()).isEqualTo(403);
      assertThat(refused.text()).contains("id:erin may not push");
      assertThat(erin.get("/token?scope=repository:project/app:pull").status()).isEqualTo(200);
    }
  }

  @Test
  void whoIsBoundByAGroupOfTheTokenHasItsRole() {
    String groups = "\"groups\":[\"team\",\"others\"],";
    String token = token(key, "frank", AUDIENCE, 300, groups);
    try (TestClient frank = TestClient.with(server, token)) {
      assertThat(frank.putManifest("/v2/project/app/manifests/v2", manifest).status())
          .isEqualTo(201);
    }
    assertThat(byBearer(token(key, "frank", AUDIENCE, 300)).status()).isEqualTo(403);
  }

  @Test
  void aTokenForAnotherAudienceOrExpiredOrOfAnotherKeyIsRefused() {
    assertRefused(token(key, "erin", "another", 300), "not for");
    assertRefused(token(key, "erin", AUDIENCE, -3600), "expired");
    assertRefused(token(next, "erin", AUDIENCE, 300), "not signed by a key of the issuer");
    assertRefused(
        sign(key, claims("erin", AUDIENCE, 300, "").replace(ISSUER, "https://other.example")),
        "issuer");
  }

  @Test
  void anotherKeyIsGoodFromWhenItIsInTheFileAndTheOldOneUntilItIsNot() {
    String old = token(key, "erin", AUDIENCE, 300);
    String another = token(next, "erin", AUDIENCE, 300);
    assertThat(byBearer(old).status()).isEqualTo(200);
    assertThat(byBearer(another).status()).isEqualTo(401);

    ObjectFiles.replace(keys(), keySet(next));

    await().atMost(PATIENCE).until(() -> byBearer(another).status() == 200);
    assertThat(byBearer(old).status()).isEqualTo(401);
  }

  @Test
  void aFileThatIsNoKeySetLeavesTheKeysBefore() {
    ObjectFiles.replace(keys(), "{\"keys\": \"none\"}");

    await().atMost(PATIENCE).until(() -> isLogged("refused, what it said before stays"));
    assertThat(isLogged(keys() + ": the keys of the OIDC issuer " + ISSUER)).isTrue();
    assertThat(byBearer(token(key, "erin", AUDIENCE, 300)).status()).isEqualTo(200);
  }

  private void assertRefused(String token, String why) {
    for (Answered answered : List.of(byBearer(token), byPassword(token))) {
      assertThat(answered.status()).isEqualTo(401);
      assertThat(answered.text()).contains("UNAUTHORIZED", why).doesNotContain("eyJ");
    }
  }

  private Answered byBearer(String token) {
    try (TestClient client = TestClient.with(server, token)) {
      return client.get(PULLED);
    }
  }

  private Answered byPassword(String token) {
    try (TestClient client = TestClient.as(server, "whoever", token)) {
      return client.get(PULLED);
    }
  }

  private boolean isLogged(String part) {
    return server.log().stream().anyMatch(line -> line.contains(part));
  }

  private Path keys() {
    return directory.resolve("keys.json");
  }

  private static String token(KeyPair pair, String name, String audience, long seconds) {
    return token(pair, name, audience, seconds, "");
  }

  private static String token(
      KeyPair pair, String name, String audience, long seconds, String more) {
    return sign(pair, claims(name, audience, seconds, more));
  }

  /** Returns claims; {@code more} is another with a comma after it. */
  private static String claims(String name, String audience, long seconds, String more) {
    long now = Instant.now().getEpochSecond();
    return "{\"iss\":\"%s\",\"aud\":\"%s\",\"name\":\"%s\",%s\"iat\":%d,\"exp\":%d}"
        .formatted(ISSUER, audience, name, more, now - 7200, now + seconds);
  }

  private static String sign(KeyPair pair, String claims) {
    String signed =
        encoded("{\"alg\":\"RS256\"}".getBytes(UTF_8)) + "." + encoded(claims.getBytes(UTF_8));
    try {
      var signature = Signature.getInstance("SHA256withRSA");
      signature.initSign(pair.getPrivate());
      signature.update(signed.getBytes(UTF_8));
      return signed + "." + encoded(signature.sign());
    } catch (GeneralSecurityException e) {
      throw new AssertionError("every JDK has RSA", e);
    }
  }

  private static String keySet(KeyPair pair) {
    var key = (RSAPublicKey) pair.getPublic();
    return "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"n\":\"%s\",\"e\":\"%s\"}]}"
        .formatted(encoded(key.getModulus()), encoded(key.getPublicExponent()));
  }

  private static String encoded(BigInteger number) {
    byte[] bytes = number.toByteArray();
    return encoded(bytes[0] == 0 ? Arrays.copyOfRange(bytes, 1, bytes.length) : bytes);
  }

  private static String encoded(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }
}
