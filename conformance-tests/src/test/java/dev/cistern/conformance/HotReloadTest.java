package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Rules and secrets that change while the server runs and images are pulled. {@code
 * -Dcistern.reloads} says how often they change under load.
 *
 * <p>The source is never to be contacted, so each pull that comes through shows that the mirror of
 * that moment was asked, with the secret of that moment.
 */
class HotReloadTest {
  private static final String SELF = "mirror.example:5000";
  private static final String NEVER = "mirrorSourcePolicy: NeverContactSource";
  private static final String ONE = "one.example";
  private static final String OTHER = "other.example";
  private static final String IN_FORCE = "changed rules and secrets are in force";
  private static final String USER = "robot";
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final int PULLERS = 3;
  private static final int WARM_ROUNDS = 3;

  /** What is pulled may be on its way with a secret from before: so many are good at a time. */
  private static final int GOOD_SECRETS = 3;

  @TempDir Path directory;

  private final int reloads = Integer.getInteger("cistern.reloads", 40);
  private final UpstreamRegistry one = UpstreamRegistry.start();
  private final UpstreamRegistry other = UpstreamRegistry.start();
  private final AtomicInteger images = new AtomicInteger();
  private final Set<String> goodSecrets = ConcurrentHashMap.newKeySet();
  private final Queue<String> failures = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean isOver = new AtomicBoolean();
  private String secret = "";

  @SuppressWarnings("NullAway.Init")
  private ObjectFiles objects;

  @SuppressWarnings("NullAway.Init")
  private ConfigMapMount mount;

  /** Started by each test, when its objects are there. */
  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient client;

  @BeforeEach
  void fill() {
    objects = new ObjectFiles(directory.resolve("objects"));
    mount = new ConfigMapMount(directory.resolve("mount"), "idms.yaml");
    for (UpstreamRegistry mirror : List.of(one, other)) {
      mirror.usually(ColdImage::answer);
      mirror.always(request -> !isAdmitted(request), Answer.basicChallenge());
    }
    rotate(0);
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
    one.close();
    other.close();
  }

  @Test
  void noPullFailsWhileRulesAndSecretsChange() throws InterruptedException {
    String byDigest = ONE;
    String byTag = ONE;
    mount.swap(byDigest(byDigest));
    objects.put("itms.yaml", byTag(byTag));
    start();
    List<Thread> pullers = new ArrayList<>();
    for (int puller = 0; puller < PULLERS; puller++) {
      pullers.add(Thread.ofVirtual().start(this::pull));
    }

    for (int change = 1; change <= reloads && failures.isEmpty(); change++) {
      switch (change % 3) {
        case 0 -> rotate(change);
        case 1 -> {
          byDigest = another(byDigest);
          mount.swap(byDigest(byDigest));
        }
        default -> {
          byTag = another(byTag);
          objects.put("itms.yaml", byTag(byTag));
        }
      }
      awaitChanges(change);
      assertIsPulledByDigestFrom(byDigest);
      assertIsPulledByTagFrom(byTag);
    }
    isOver.set(true);
    for (Thread puller : pullers) {
      puller.join();
    }

    assertThat(failures).isEmpty();
    assertThat(server.complaints()).isEmpty();
    assertThat(lines(IN_FORCE)).hasSize(reloads);
    assertThat(lines("serving address")).hasSize(1);
    assertThat(images.get()).as("cold pulls").isGreaterThan(2 * reloads + PULLERS);
  }

  @Test
  void aBadFileIsNamedAndAllElseStaysInForce() {
    String good = byDigest(ONE);
    objects.put("rules.yaml", good);
    objects.put("itms.yaml", byTag(ONE));
    start();
    List<String> bad =
        List.of(
            good.replace("source:", "sources:"),
            good.replace("v1", "v2"),
            good.replace(ONE, "http://" + ONE),
            good.replace("NeverContactSource", "Never"),
            good.replace("spec:", "spec: ["),
            good.replace("    ", "\t"),
            good + "\0",
            "[".repeat(100_000),
            "&a {apiVersion: v1, kind: List, items: [*a, *a]}",
            good + good);
    String byTag = ONE;

    for (int i = 0; i < bad.size(); i++) {
      int refused = i + 1;
      objects.put("rules.yaml", bad.get(i));
      await()
          .atMost(PATIENCE)
          .until(
              () -> lines("refused, what it said before stays: " + file("rules")),
              lines -> lines.size() == refused);
      assertIsPulledByDigestFrom(ONE);
      byTag = another(byTag);
      objects.put("itms.yaml", byTag(byTag));
      awaitChanges(refused);
      assertIsPulledByTagFrom(byTag);
      assertIsPulledByDigestFrom(ONE);
    }
    objects.put("rules.yaml", byDigest(OTHER));
    awaitChanges(bad.size() + 1);
    assertIsPulledByDigestFrom(OTHER);
    assertThat(server.complaints()).hasSize(bad.size());
  }

  @Test
  void aDirectoryMayVanishAndComeBack() {
    objects.put("itms.yaml", byTag(ONE));
    mount.swap(byDigest(ONE));
    start();

    ObjectFiles away = objects.moveTo(directory.resolve("away"));
    await().atMost(PATIENCE).until(() -> !lines("objects: cannot be read").isEmpty());
    assertIsPulledByTagFrom(ONE);
    mount.swap(byDigest(OTHER));
    awaitChanges(1);
    mount.swap(byDigest(ONE));
    awaitChanges(2);
    assertIsPulledByTagFrom(ONE);
    assertThat(lines("cannot be read")).as("said once, not with each look").hasSize(1);

    away.put("itms.yaml", byTag(OTHER));
    away.moveTo(directory.resolve("objects"));
    awaitChanges(3);
    assertIsPulledByTagFrom(OTHER);
    assertThat(server.complaints()).hasSize(1);
  }

  @Test
  void aFileThatIsRemovedIsNoLongerInForceAndNoComplaint() {
    objects.put("itms.yaml", byTag(ONE));
    objects.put("idms.yaml", byDigest(ONE));
    start();
    assertIsPulledByTagFrom(ONE);

    objects.delete("itms.yaml");
    awaitChanges(1);
    assertThat(client.get("/v2/copies/" + next().name() + "/manifests/v1").status()).isEqualTo(404);
    assertIsPulledByDigestFrom(ONE);
    objects.put("itms.yaml", byTag(OTHER));
    awaitChanges(2);
    assertIsPulledByTagFrom(OTHER);
    assertThat(server.complaints()).isEmpty();
  }

  private void start() {
    server =
        new TestConfig(directory)
            .registry(ONE, one, "insecure: true", "freshness: 1ms")
            .registry(OTHER, other, "insecure: true", "freshness: 1ms")
            .line("names: [\"" + SELF + "\"]")
            .line("absence: 1ms")
            .line("logs: {access: false}")
            .line("resources: [" + resources() + "]")
            .line("pullSecret: " + directory.resolve("pull-secret.json"))
            .start();
    client = new TestClient(server);
  }

  private String resources() {
    boolean isMounted = mount.directory().toFile().exists();
    return objects.directory() + (isMounted ? ", " + mount.directory() : "");
  }

  /** Pulls images that are not here and such as are, by digest and by tag, by both names. */
  private void pull() {
    while (!isOver.get() && failures.isEmpty()) {
      ColdImage image = next();
      byte[] manifest = image.manifest();
      String repository =
          (image.number() % 2 == 0 ? "/v2/source.example/team/" : "/v2/copies/") + image.name();
      String digest = repository + "/manifests/" + Samples.digest(manifest);
      String tag = repository + "/manifests/v1";
      boolean isTagFirst = image.number() % 4 < 2;
      for (int round = 0; round < WARM_ROUNDS; round++) {
        expect(isTagFirst ? tag : digest, manifest);
        expect(isTagFirst ? digest : tag, manifest);
        expect(repository + "/blobs/" + Samples.digest(image.blob()), image.blob());
      }
    }
  }

  private void expect(String path, byte[] content) {
    try {
      Answered answered = client.get(path);
      if (answered.status() != 200 || !Arrays.equals(answered.bytes(), content)) {
        failures.add(path + ": " + answered.status() + " " + answered.text());
      }
    } catch (AssertionError e) {
      failures.add(path + ": " + e);
    }
  }

  private void assertIsPulledByDigestFrom(String mirror) {
    ColdImage image = next();
    assertIsPulledFrom(mirror, image, Samples.digest(image.manifest()));
  }

  private void assertIsPulledByTagFrom(String mirror) {
    assertIsPulledFrom(mirror, next(), "v1");
  }

  private void assertIsPulledFrom(String mirror, ColdImage image, String reference) {
    one.forget();
    other.forget();
    Answered answered =
        client.get("/v2/source.example/team/" + image.name() + "/manifests/" + reference);

    assertThat(answered.status()).as(answered.text()).isEqualTo(200);
    String part = "/v2/team/" + image.name() + "/";
    assertThat(upstream(mirror).requests("GET", part).getLast().header("authorization"))
        .contains(TokenService.basic(USER, secret));
    assertThat(upstream(another(mirror)).requests("GET", part)).isEmpty();
  }

  private boolean isAdmitted(Received request) {
    return request.header("authorization").filter(goodSecrets::contains).isPresent();
  }

  /** Puts another secret into the file, which is good at the mirrors from before that on. */
  private void rotate(int change) {
    secret = "s3cret-" + change;
    goodSecrets.add(TokenService.basic(USER, secret));
    goodSecrets.remove(TokenService.basic(USER, "s3cret-" + (change - GOOD_SECRETS * 3)));
    ObjectFiles.replace(
        directory.resolve("pull-secret.json"), ObjectFiles.dockerConfig(USER, secret, ONE, OTHER));
  }

  private void awaitChanges(int count) {
    await().atMost(PATIENCE).until(() -> lines(IN_FORCE).size(), found -> found >= count);
    assertThat(lines(IN_FORCE)).hasSize(count);
  }

  private List<String> lines(String part) {
    return server.log().stream().filter(line -> line.contains(part)).toList();
  }

  private Path file(String name) {
    return objects.directory().resolve(name + ".yaml");
  }

  private ColdImage next() {
    return new ColdImage(images.incrementAndGet());
  }

  private UpstreamRegistry upstream(String mirror) {
    return mirror.equals(ONE) ? one : other;
  }

  private static String another(String mirror) {
    return mirror.equals(ONE) ? OTHER : ONE;
  }

  private static String byDigest(String mirror) {
    return ObjectFiles.idms("source.example/team", SELF + "/copies, " + mirror + "/team", NEVER);
  }

  private static String byTag(String mirror) {
    return ObjectFiles.itms("source.example/team", SELF + "/copies, " + mirror + "/team", NEVER);
  }
}
