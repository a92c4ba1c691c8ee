package dev.cistern.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an upstream's settings say of old, missing and absent tags. */
class TagPolicyTest {
  private static final byte[] MANIFEST = Samples.manifest("policy");
  private static final String DIGEST = Samples.digest(MANIFEST);

  private static UpstreamRegistry upstream;
  private static CisternServer server;
  private static CisternServer forgetful;
  private static TestClient client;
  private static TestClient forgetfulClient;
  private static int repositories;

  private String repository;

  @BeforeAll
  static void start(@TempDir Path directory, @TempDir Path other) {
    upstream = UpstreamRegistry.start();
    String old = "freshness: 1ms";
    server =
        new TestConfig(directory)
            .registry("plain.example", upstream, "insecure: true", old)
            .registry("keep.example", upstream, "insecure: true", old, "onMissing: keep")
            .registry("drop.example", upstream, "insecure: true", old, "onMissing: drop")
            .registry("short.example", upstream, "insecure: true", old, "maxStale: 1ms")
            .registry("long.example", upstream, "insecure: true", old, "maxStale: 1h")
            .registry("versions.example", upstream, "insecure: true", old, "versionFreshness: 1h")
            .line("absence: 1h")
            .start();
    client = new TestClient(server);
    forgetful =
        new TestConfig(other)
            .registry("plain.example", upstream, "insecure: true", old)
            .line("absence: 100ms")
            .start();
    forgetfulClient = new TestClient(forgetful);
  }

  @AfterAll
  static void stop() {
    client.close();
    forgetfulClient.close();
    server.close();
    forgetful.close();
    upstream.close();
  }

  @BeforeEach
  void takeARepository() {
    repository = "team/app" + ++repositories;
    upstream.addManifest(repository, MANIFEST, "v1", "v1.2.3");
  }

  @AfterEach
  void heal() {
    upstream.heal();
  }

  @Test
  void aTagThatIsStaleForTooLongIsNotGiven() {
    warm("short.example");
    upstream.always("HEAD", "/manifests/", Answer.status(503));

    Answered answered = client.get(path("short.example", "v1"));

    assertThat(answered.status()).isEqualTo(502);
    assertThat(answered.text()).contains("UPSTREAM_UNAVAILABLE", "upstream short.example", "503");
    assertThat(client.get(path("short.example", DIGEST)).bytes()).isEqualTo(MANIFEST);
  }

  @Test
  void aTagThatIsNotStaleForTooLongIsGiven() {
    warm("long.example");
    upstream.always("HEAD", "/manifests/", Answer.status(503));

    assertStale(client.get(path("long.example", "v1")));
  }

  @Test
  void aMissingTagIsKeptAndNotAskedForAgainAtOnce() {
    warm("keep.example");
    upstream.always("HEAD", "/manifests/", Answer.status(404));

    assertStale(client.get(path("keep.example", "v1")));
    assertStale(client.get(path("keep.example", "v1")));
    assertThat(upstream.requests()).hasSize(1);
  }

  @Test
  void aMissingTagIsDroppedWhereTheSettingsSaySo() {
    warm("drop.example");
    upstream.always("HEAD", "/manifests/", Answer.status(404));
    upstream.always("GET", "/manifests/", Answer.status(404));

    Answered answered = client.get(path("drop.example", "v1"));
    assertThat(answered.status()).isEqualTo(404);
    assertThat(answered.text()).contains("MANIFEST_UNKNOWN");
    assertThat(client.get(path("drop.example", "v1")).status()).isEqualTo(404);
    assertThat(client.get(path("drop.example", DIGEST)).bytes()).isEqualTo(MANIFEST);
  }

  @Test
  void anOutageDropsNothing() {
    warm("drop.example");
    upstream.always("HEAD", "/manifests/", Answer.status(403));

    assertStale(client.get(path("drop.example", "v1")));
  }

  @Test
  void aTagThatLooksLikeAVersionIsFreshForLonger() {
    client.get(path("versions.example", "v1.2.3"));
    warm("versions.example");

    Answered version = client.get(path("versions.example", "v1.2.3"));
    assertThat(version.cacheStatus()).matches("cistern; hit; ttl=3[56]\\d\\d");
    assertThat(upstream.requests()).isEmpty();
    assertThat(client.get(path("versions.example", "v1")).status()).isEqualTo(200);
    assertThat(upstream.requests()).extracting(Received::method).containsExactly("HEAD");
  }

  @Test
  void anAbsentTagIsNotAskedForAgainAtOnce() {
    assertIsAskedForOnce(path("plain.example", "absent"));
  }

  @Test
  void anAbsentManifestIsNotAskedForAgainAtOnce() {
    assertIsAskedForOnce(path("plain.example", Samples.digest(new byte[] {1})));
  }

  @Test
  void anAbsentBlobIsNotAskedForAgainAtOnce() {
    String digest = Samples.digest(new byte[] {2});
    assertIsAskedForOnce(path("plain.example", digest).replace("/manifests/", "/blobs/"));
  }

  @Test
  void whatIsAbsentInOneRepositoryIsAskedForInAnother() {
    client.get(path("plain.example", "absent"));
    upstream.addManifest(repository + "/sub", MANIFEST, "absent");

    String other = path("plain.example", "absent").replace(repository, repository + "/sub");
    assertThat(client.get(other).bytes()).isEqualTo(MANIFEST);
  }

  @Test
  void whatWasAbsentAndIsPushedIsGiven() {
    String path = path("plain.example", "pushed");
    byte[] content = Samples.bytes(1000, repositories);
    String blob = path("plain.example", Samples.digest(content)).replace("manifests", "blobs");
    assertThat(client.get(path).status()).isEqualTo(404);
    assertThat(client.get(blob).status()).isEqualTo(404);

    assertThat(client.pushBlob("plain.example/" + repository, content).status()).isEqualTo(201);
    assertThat(client.get(blob).bytes()).isEqualTo(content);
    byte[] manifest = Samples.manifestOf(Samples.digest(content), content.length);
    client.putManifest(path, manifest);
    assertThat(client.get(path).bytes()).isEqualTo(manifest);
  }

  @Test
  void absenceIsForgotten() {
    String path = path("plain.example", "late");
    String blob = path("plain.example", Samples.digest(MANIFEST)).replace("manifests", "blobs");
    assertThat(forgetfulClient.get(path).status()).isEqualTo(404);
    assertThat(forgetfulClient.get(blob).status()).isEqualTo(404);

    upstream.addManifest(repository, MANIFEST, "late");
    upstream.addBlob(repository, MANIFEST);

    await().until(() -> forgetfulClient.get(path).status() == 200);
    await().until(() -> forgetfulClient.get(blob).status() == 200);
  }

  private void assertIsAskedForOnce(String path) {
    upstream.forget();
    assertThat(List.of(client.get(path), client.get(path), client.get(path)))
        .allSatisfy(answered -> {
          assertThat(answered.status()).isEqualTo(404);
          assertThat(answered.text()).contains("_UNKNOWN");
        });
    assertThat(upstream.requests()).hasSize(1);
  }

  private String path(String host, String reference) {
    return "/v2/" + host + "/" + repository + "/manifests/" + reference;
  }

  /** Brings the tag here, old at once. */
  private void warm(String host) {
    assertThat(client.get(path(host, "v1")).bytes()).isEqualTo(MANIFEST);
    upstream.forget();
  }

  private static void assertStale(Answered answered) {
    assertThat(answered.bytes()).isEqualTo(MANIFEST);
    assertThat(answered.cacheStatus()).startsWith("cistern; fwd=stale; detail=");
  }
}
