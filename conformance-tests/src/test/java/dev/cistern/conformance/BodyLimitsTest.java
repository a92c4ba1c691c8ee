package dev.cistern.conformance;

import static dev.cistern.conformance.Accounts.ALICE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.TestClient.Answered;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bodies that are longer than they may be, of upstreams and of clients. */
class BodyLimitsTest {
  private static final int MIB = 1 << 20;
  private static final String PULLED = "/v2/source.example/team/app/manifests/v1";
  private static final String FORM = "application/x-www-form-urlencoded";

  @TempDir Path directory;

  private final UpstreamRegistry upstream = UpstreamRegistry.start();
  private final byte[] manifest = Samples.manifest("one");

  @SuppressWarnings("NullAway.Init")
  private CisternServer server;

  @SuppressWarnings("NullAway.Init")
  private TestClient alice;

  @BeforeEach
  void start() {
    upstream.addManifest("team/app", manifest, "v1");
    var objects = new ObjectFiles(directory.resolve("objects"));
    objects.put("a.yaml", ObjectFiles.binding("", "cluster-admin", "User", "alice"));
    ObjectFiles.replace(directory.resolve("users"), ALICE.line());
    server =
        new TestConfig(directory)
            .registry("source.example", upstream, "insecure: true")
            .line("absence: 1ms")
            .line("resources: [" + objects.directory() + "]")
            .line("access: {users: " + directory.resolve("users") + "}")
            .start();
    alice = ALICE.client(server);
  }

  @AfterEach
  void stop() {
    alice.close();
    server.close();
    upstream.close();
  }

  @Test
  void aTokenServiceThatSendsTooMuchIsRefused() {
    upstream.demandToken(upstream.tokens(), upstream.url() + "/token");
    String json = "{\"token\":\"" + "x".repeat(64 * MIB) + "\"}";
    upstream.always("GET", "/token", new Answer.Other(200, Map.of(), json));

    Answered answered = alice.get(PULLED);
    assertThat(answered.status()).as(answered.text()).isEqualTo(502);
    assertThat(answered.text()).contains("its token service sent too much").hasSizeLessThan(2_000);
    assertThat(upstream.bodyBytes()).isLessThan(32L * MIB);
  }

  @Test
  void anErrorOfAnUpstreamIsNotReadToItsEnd() {
    String text =
        "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"" + "x".repeat(64 * MIB) + "\"}]}";
    upstream.always("GET", "/manifests/", new Answer.Other(403, Map.of(), text));

    Answered answered = alice.get(PULLED);
    assertThat(answered.status()).isEqualTo(403);
    assertThat(answered.text()).contains("DENIED").hasSizeLessThan(8_000);
    assertThat(upstream.bodyBytes()).isLessThan(32L * MIB);
  }

  @Test
  void aCompressedManifestOfAnUpstreamIsNotInflated() {
    upstream.addManifest("team/app", bomb(), "bomb");
    upstream.always("GET", "/manifests/bomb", new Answer.With("Content-Encoding", "gzip"));

    Answered answered = alice.get("/v2/source.example/team/app/manifests/bomb");
    assertThat(answered.status()).as(answered.text()).isEqualTo(502);
    assertThat(answered.text()).contains("not UTF-8, as JSON must be").hasSizeLessThan(2_000);
  }

  @Test
  void aBlobOfAnUpstreamIsItsBytesHoweverTheyAreLabelled() {
    byte[] layer = bomb();
    String digest = upstream.addBlob("team/app", layer);
    upstream.always("GET", "/blobs/", new Answer.With("Content-Encoding", "gzip"));

    Answered answered = alice.get("/v2/source.example/team/app/blobs/" + digest);
    assertThat(answered.status()).isEqualTo(200);
    assertThat(answered.bytes()).isEqualTo(layer);
    assertThat(answered.header("Content-Encoding")).isEmpty();
  }

  @Test
  void aCompressedManifestOfAClientIsNotInflated() {
    Answered answered = alice.send("PUT", "/v2/team/app/manifests/v1", Samples.IMAGE, bomb());
    assertThat(answered.status()).isEqualTo(400);
    assertThat(answered.text()).contains("MANIFEST_INVALID").hasSizeLessThan(2_000);
  }

  /** Returns 1 MiB that inflates to 1 GiB of spaces. */
  private static byte[] bomb() {
    var bytes = new ByteArrayOutputStream();
    byte[] spaces = new byte[MIB];
    Arrays.fill(spaces, (byte) ' ');
    try (var gzip = new GZIPOutputStream(bytes)) {
      for (int i = 0; i < 1024; i++) {
        gzip.write(spaces);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  @Test
  void aFormForTheTokenEndpointIsBounded() {
    Answered answered =
        alice.post("/token", FORM, "grant_type=password&password=" + "x".repeat(MIB));
    assertThat(answered.status()).isEqualTo(413);
    assertThat(answered.text()).contains("SIZE_INVALID").hasSizeLessThan(2_000);
  }

  @Test
  void anOrderOfTheAdministratorIsBounded() {
    Answered answered =
        alice.post(
            "/admin/pin", "application/json", "{\"reference\":\"" + "x".repeat(2 * MIB) + "\"}");
    assertThat(answered.status()).isEqualTo(413);
    assertThat(answered.text()).contains("SIZE_INVALID").hasSizeLessThan(2_000);
  }
}
