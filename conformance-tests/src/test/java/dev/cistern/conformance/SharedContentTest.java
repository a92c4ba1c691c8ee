package dev.cistern.conformance;

import static dev.cistern.conformance.ManifestText.descriptor;
import static dev.cistern.conformance.ManifestText.image;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.TestClient.Answered;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Content that several repositories with an upstream name, or that is said to be elsewhere. */
class SharedContentTest {
  private static final String FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

  private static UpstreamRegistry upstream;
  private static UpstreamRegistry elsewhere;
  private static CisternServer server;
  private static TestClient client;
  private static Path data;

  @BeforeAll
  static void start(@TempDir Path directory) {
    upstream = UpstreamRegistry.start();
    elsewhere = UpstreamRegistry.start();
    server = new TestConfig(directory).upstream("up", upstream, "insecure: true").start();
    client = new TestClient(server);
    data = directory.resolve("data");
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
    upstream.close();
    elsewhere.close();
  }

  @Test
  void theUrlsOfAForeignLayerAreNeverFetched() {
    byte[] content = Samples.bytes(1000, 1);
    String layer = elsewhere.addBlob("foreign", content);
    String url = elsewhere.url() + "/v2/foreign/blobs/" + layer;
    byte[] manifest = foreign(layer, content.length, url);
    upstream.addManifest("foreign/none", manifest, "v1");

    assertThat(client.get("/v2/up/foreign/none/manifests/v1").bytes()).isEqualTo(manifest);
    Answered blob = client.get("/v2/up/foreign/none/blobs/" + layer);

    assertThat(blob.status()).isEqualTo(404);
    assertThat(blob.text()).contains("BLOB_UNKNOWN");
    assertThat(client.head("/v2/up/foreign/none/blobs/" + layer).status()).isEqualTo(404);
    assertThat(elsewhere.connections()).isZero();
  }

  @Test
  void aForeignLayerThatTheUpstreamHasIsPulledFromIt() {
    byte[] content = Samples.bytes(1000, 2);
    String layer = upstream.addBlob("foreign/kept", content);
    String url = elsewhere.url() + "/v2/foreign/blobs/" + layer;
    upstream.addManifest("foreign/kept", foreign(layer, content.length, url), "v1");

    client.get("/v2/up/foreign/kept/manifests/v1");

    assertThat(client.get("/v2/up/foreign/kept/blobs/" + layer).bytes()).isEqualTo(content);
    assertThat(elsewhere.connections()).isZero();
  }

  @Test
  void aBlobOfTwoRepositoriesIsFetchedAndStoredOnce() {
    byte[] content = Samples.bytes(100_000, 3);
    String digest = upstream.addBlob("shared/one", content);
    upstream.addBlob("shared/two", content);
    String one = "/v2/up/shared/one/blobs/" + digest;
    String two = "/v2/up/shared/two/blobs/" + digest;
    assertThat(client.get(one).bytes()).isEqualTo(content);
    await().until(() -> client.get(one).cacheStatus().startsWith("cistern; hit"));

    assertThat(client.get(two).bytes()).isEqualTo(content);
    assertThat(client.get(two).bytes()).isEqualTo(content);

    assertThat(upstream.requests("GET", digest)).hasSize(1);
    assertThat(upstream.requests("HEAD", digest))
        .extracting(Received::path)
        .containsExactly("/v2/shared/two/blobs/" + digest);
    assertThat(files(digest)).isEqualTo(1);
  }

  @Test
  void aManifestOfTwoRepositoriesIsConfirmedByEachUpstreamRepository() {
    byte[] manifest = Samples.manifest("of two");
    String digest = upstream.addManifest("both/one", manifest);
    upstream.addManifest("both/two", manifest);

    assertThat(client.get("/v2/up/both/one/manifests/" + digest).bytes()).isEqualTo(manifest);
    assertThat(client.get("/v2/up/both/two/manifests/" + digest).bytes()).isEqualTo(manifest);
    assertThat(client.get("/v2/up/both/three/manifests/" + digest).status()).isEqualTo(404);
    assertThat(upstream.requests("GET", "/both/two/manifests/")).hasSize(1);
  }

  private static byte[] foreign(String layer, long size, String url) {
    String named = descriptor(FOREIGN, layer, size).replace("}", ",\"urls\":[\"" + url + "\"]}");
    return image("").replace("\"layers\":[]", "\"layers\":[" + named + "]").getBytes(UTF_8);
  }

  private static long files(String digest) {
    String hex = digest.substring(digest.indexOf(':') + 1);
    try (Stream<Path> all = Files.walk(data)) {
      return all.filter(file -> file.getFileName().toString().contains(hex)).count();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
