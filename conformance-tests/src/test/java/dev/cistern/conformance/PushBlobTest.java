package dev.cistern.conformance;

import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.header;
import static dev.cistern.conformance.RegistryClient.location;
import static dev.cistern.conformance.RegistryClient.sha256;
import static dev.cistern.conformance.RegistryClient.sha512;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PushBlobTest {
  private static final String UPLOADS = "/v2/push/blobs/uploads/";
  private static final AtomicInteger SEED = new AtomicInteger();

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
  }

  @Test
  void inOnePost() {
    byte[] blob = random(1000);

    HttpResponse<byte[]> pushed = registry.send("POST", UPLOADS + "?digest=" + sha256(blob), blob);

    assertPushed(pushed, sha256(blob), blob);
  }

  @Test
  void inPostAndPut() {
    byte[] blob = random(300_000);

    HttpResponse<byte[]> pushed =
        registry.put(registry.startUpload("push") + "?digest=" + sha256(blob), blob);

    assertPushed(pushed, sha256(blob), blob);
  }

  @Test
  void inChunks() {
    byte[] blob = random(1000);
    String upload = registry.startUpload("push");

    HttpResponse<byte[]> first =
        registry.patch(upload, Arrays.copyOf(blob, 400), "Content-Range", "0-399");
    assertThat(first.statusCode()).isEqualTo(202);
    assertThat(header(first, "Range")).isEqualTo("0-399");
    HttpResponse<byte[]> second =
        registry.patch(
            location(first), Arrays.copyOfRange(blob, 400, 1000), "Content-Range", "400-999");
    assertThat(second.statusCode()).isEqualTo(202);
    assertThat(header(second, "Range")).isEqualTo("0-999");

    assertPushed(
        registry.put(location(second) + "?digest=" + sha256(blob), new byte[0]),
        sha256(blob),
        blob);
  }

  @Test
  void inChunksWithTheLastInThePut() {
    byte[] blob = random(1000);
    String upload = registry.startUpload("push");
    registry.patch(upload, Arrays.copyOf(blob, 400), "Content-Range", "0-399");

    HttpResponse<byte[]> pushed =
        registry.put(
            upload + "?digest=" + sha256(blob),
            Arrays.copyOfRange(blob, 400, 1000),
            "Content-Range",
            "400-999");

    assertPushed(pushed, sha256(blob), blob);
  }

  @Test
  void asAStreamOfUnknownLength() {
    byte[] blob = random(3_000_000);
    String upload = registry.startUpload("push");

    HttpResponse<byte[]> streamed =
        registry.send(
            registry
                .request(upload)
                .method(
                    "PATCH", BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(blob))));

    assertThat(streamed.statusCode()).isEqualTo(202);
    assertThat(header(streamed, "Range")).isEqualTo("0-2999999");
    assertPushed(registry.put(upload + "?digest=" + sha256(blob), new byte[0]), sha256(blob), blob);
  }

  @Test
  void emptyInEveryWay() {
    byte[] empty = {};
    String digest = sha256(empty);

    assertPushed(registry.post(UPLOADS + "?digest=" + digest), digest, empty);
    registry.delete("/v2/push/blobs/" + digest);
    assertPushed(
        registry.put(registry.startUpload("push") + "?digest=" + digest, empty), digest, empty);
    registry.delete("/v2/push/blobs/" + digest);
    String upload = registry.startUpload("push");
    assertThat(registry.patch(upload, empty).statusCode()).isEqualTo(202);
    assertPushed(registry.put(upload + "?digest=" + digest, empty), digest, empty);
  }

  @Test
  void underASha512Digest() {
    byte[] blob = random(1000);
    String digest = sha512(blob);

    assertPushed(registry.send("POST", UPLOADS + "?digest=" + digest, blob), digest, blob);
    assertThat(registry.head("/v2/push/blobs/" + sha256(blob)).statusCode()).isEqualTo(404);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "?digest-algorithm=sha512", "?digest-algorithm=sha256"})
  void theDigestMayHaveAnotherAlgorithmThanTheUploadWasStartedWith(String query) {
    byte[] blob = random(1000);
    String upload = location(registry.post(UPLOADS + query));
    registry.patch(upload, blob);

    assertPushed(registry.put(upload + "?digest=" + sha512(blob), new byte[0]), sha512(blob), blob);
  }

  @Test
  void aChunkOutOfOrderIsRefusedAndTheStatusTellsWhereToGoOn() {
    byte[] blob = random(1000);
    String upload = registry.startUpload("push");
    registry.patch(upload, Arrays.copyOf(blob, 400), "Content-Range", "0-399");
    byte[] rest = Arrays.copyOfRange(blob, 400, 1000);

    for (String range : new String[] {"500-1099", "0-599", "399-998", "401-1000"}) {
      assertError(registry.patch(upload, rest, "Content-Range", range), 416, "RANGE_INVALID");
      assertError(
          registry.put(upload + "?digest=" + sha256(blob), rest, "Content-Range", range),
          416,
          "RANGE_INVALID");
    }
    HttpResponse<byte[]> status = registry.get(upload);
    assertThat(status.statusCode()).isEqualTo(204);
    assertThat(header(status, "Range")).isEqualTo("0-399");
    assertThat(location(status)).isEqualTo(upload);

    assertPushed(
        registry.put(
            location(status) + "?digest=" + sha256(blob), rest, "Content-Range", "400-999"),
        sha256(blob),
        blob);
  }

  @Test
  void aFirstChunkThatDoesNotBeginAtZeroIsRefused() {
    String upload = registry.startUpload("push");

    assertError(registry.patch(upload, random(10), "Content-Range", "1-10"), 416, "RANGE_INVALID");
  }

  @Test
  void aCancelledUploadIsGone() {
    String upload = registry.startUpload("push");
    registry.patch(upload, random(10));

    assertThat(registry.delete(upload).statusCode()).isEqualTo(204);

    assertError(registry.get(upload), 404, "BLOB_UPLOAD_UNKNOWN");
    assertError(registry.delete(upload), 404, "BLOB_UPLOAD_UNKNOWN");
    assertError(registry.patch(upload, random(10)), 404, "BLOB_UPLOAD_UNKNOWN");
    assertError(
        registry.put(upload + "?digest=" + sha256(random(10)), new byte[0]),
        404,
        "BLOB_UPLOAD_UNKNOWN");
  }

  @Test
  void anUploadMayBeCancelledWhileItIsWritten() throws IOException {
    String upload = registry.startUpload("push");
    try (RawConnection writer = RawConnection.to(server)) {
      writer.send("PATCH " + upload + " HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
      await()
          .untilAsserted(() -> assertThat(header(registry.get(upload), "Range")).isEqualTo("0-4"));

      assertThat(registry.delete(upload).statusCode()).isEqualTo(204);
      writer.send("67890");

      RawConnection.Reply reply = writer.reply();
      assertThat(reply.status()).isEqualTo(404);
      RegistryClient.assertErrorBody(
          reply.header("Content-Type"), reply.body(), "BLOB_UPLOAD_UNKNOWN");
    }
  }

  @Test
  void anUploadIsWrittenByOneRequestAtATime() throws IOException {
    String upload = registry.startUpload("push");
    try (RawConnection writer = RawConnection.to(server)) {
      writer.send("PATCH " + upload + " HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
      await()
          .untilAsserted(() -> assertThat(header(registry.get(upload), "Range")).isEqualTo("0-4"));

      assertError(registry.patch(upload, random(5)), 409, "BLOB_UPLOAD_INVALID");
      writer.send("67890");

      assertThat(writer.reply().status()).isEqualTo(202);
    }
    byte[] blob = "1234567890".getBytes(UTF_8);
    assertPushed(registry.put(upload + "?digest=" + sha256(blob), new byte[0]), sha256(blob), blob);
  }

  @Test
  void aFinishedUploadIsGone() {
    byte[] blob = random(10);
    String upload = registry.startUpload("push");
    registry.put(upload + "?digest=" + sha256(blob), blob);

    assertError(registry.get(upload), 404, "BLOB_UPLOAD_UNKNOWN");
  }

  @Test
  void aMountFromARepositoryThatHasTheBlob() {
    byte[] blob = random(1000);
    String digest = registry.pushBlob("push/source", blob);

    HttpResponse<byte[]> mounted =
        registry.post(UPLOADS + "?mount=" + digest + "&from=push/source");

    assertPushed(mounted, digest, blob);
  }

  @Test
  void aMountWithoutFrom() {
    byte[] blob = random(1000);
    String digest = registry.pushBlob("push/source", blob);

    assertPushed(registry.post(UPLOADS + "?mount=" + digest), digest, blob);
  }

  @Test
  void aMountThatCannotBeMadeIsAnUploadInstead() {
    byte[] blob = random(1000);
    String digest = registry.pushBlob("push/source", blob);

    HttpResponse<byte[]> elsewhere =
        registry.post(UPLOADS + "?mount=" + digest + "&from=push/other");
    HttpResponse<byte[]> absent = registry.post(UPLOADS + "?mount=" + sha256(random(1000)));

    assertThat(elsewhere.statusCode()).isEqualTo(202);
    assertThat(absent.statusCode()).isEqualTo(202);
    assertThat(registry.head("/v2/push/blobs/" + digest).statusCode()).isEqualTo(404);
    assertThat(registry.delete(location(absent)).statusCode()).isEqualTo(204);
    assertPushed(registry.put(location(elsewhere) + "?digest=" + digest, blob), digest, blob);
  }

  /** Who mirrors image layouts may push every file in them as a blob. */
  @Test
  void theBytesOfAManifestMayBeABlobToo() {
    String json = ManifestText.image(ManifestText.field("note", "both"));
    byte[] bytes = json.getBytes(UTF_8);
    String blob = "/v2/push/blobs/" + registry.pushBlob("push", bytes);
    String manifest =
        "/v2/push/manifests/" + registry.pushManifest("push", "both", ManifestText.OCI_IMAGE, json);

    assertThat(registry.get(blob).body()).isEqualTo(bytes);
    assertThat(registry.get(manifest).body()).isEqualTo(bytes);
    assertThat(registry.delete(blob).statusCode()).isEqualTo(202);
    assertThat(registry.get(manifest).body()).isEqualTo(bytes);
    registry.pushBlob("push", bytes);
    assertThat(registry.delete(manifest).statusCode()).isEqualTo(202);
    assertThat(registry.get(blob).body()).isEqualTo(bytes);
  }

  @Test
  void contentWithAnotherDigestIsRefusedAndNotStored() {
    byte[] blob = random(1000);
    String other = sha256(random(1000));
    String upload = registry.startUpload("push");

    assertError(registry.send("POST", UPLOADS + "?digest=" + other, blob), 400, "DIGEST_INVALID");
    assertError(registry.put(upload + "?digest=" + other, blob), 400, "DIGEST_INVALID");

    assertThat(registry.head("/v2/push/blobs/" + other).statusCode()).isEqualTo(404);
    assertThat(registry.head("/v2/push/blobs/" + sha256(blob)).statusCode()).isEqualTo(404);
    assertError(registry.get(upload), 404, "BLOB_UPLOAD_UNKNOWN");
  }

  @Test
  void anUploadCannotBeFinishedWithoutADigest() {
    String upload = registry.startUpload("push");

    assertError(registry.put(upload, random(10)), 400, "DIGEST_INVALID");
  }

  @Test
  void anUploadOfAnotherRepositoryIsUnknown() {
    String upload = registry.startUpload("push");
    String stolen = upload.replace("/v2/push/", "/v2/push/other/");
    byte[] blob = random(10);

    assertError(registry.get(stolen), 404, "BLOB_UPLOAD_UNKNOWN");
    assertError(registry.patch(stolen, blob), 404, "BLOB_UPLOAD_UNKNOWN");
    assertError(registry.put(stolen + "?digest=" + sha256(blob), blob), 404, "BLOB_UPLOAD_UNKNOWN");
    assertError(registry.delete(stolen), 404, "BLOB_UPLOAD_UNKNOWN");
    assertThat(registry.get(upload).statusCode()).isEqualTo(204);
  }

  @Test
  void aClientThatBrokeOffGoesOnWhereItsBytesEnd() throws IOException {
    byte[] blob = random(100_000);
    String upload = registry.startUpload("push");
    try (RawConnection broken = RawConnection.to(server)) {
      broken
          .send("PATCH " + upload + " HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
          .send(Arrays.copyOf(blob, 60_000));
      await()
          .untilAsserted(
              () -> assertThat(header(registry.get(upload), "Range")).isEqualTo("0-59999"));
    }

    await()
        .untilAsserted(() ->
            assertThat(
                    registry
                        .patch(
                            upload,
                            Arrays.copyOfRange(blob, 60_000, 80_000),
                            "Content-Range",
                            "60000-79999")
                        .statusCode())
                .isEqualTo(202));
    assertPushed(
        registry.put(upload + "?digest=" + sha256(blob), Arrays.copyOfRange(blob, 80_000, 100_000)),
        sha256(blob),
        blob);
  }

  @Test
  void aClientThatBrokeOffAMonolithicPushLeavesNothing() throws IOException {
    byte[] blob = random(1000);
    try (RawConnection broken = RawConnection.to(server)) {
      broken
          .send("POST " + UPLOADS + "?digest=" + sha256(blob))
          .send(" HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
          .send(Arrays.copyOf(blob, 999));
    }

    assertThat(registry.head("/v2/push/blobs/" + sha256(blob)).statusCode()).isEqualTo(404);
    assertThat(registry.pushBlob("push", blob)).isEqualTo(sha256(blob));
  }

  @Test
  void aClientMayWaitForTheInvitationToSend() {
    byte[] blob = random(100_000);
    String upload = registry.startUpload("push");

    HttpResponse<byte[]> pushed =
        registry.send(
            registry
                .request(upload + "?digest=" + sha256(blob))
                .expectContinue(true)
                .PUT(BodyPublishers.ofByteArray(blob)));

    assertPushed(pushed, sha256(blob), blob);
  }

  @Test
  void aClientThatWaitsIsInvitedOnceAndOnlyToWhatIsWanted() throws IOException {
    byte[] blob = random(1000);
    String upload = registry.startUpload("push");
    String head =
        RawConnection.head(
            "PUT %s?digest=%s HTTP/1.1", "Host: a", "Content-Length: 1000", "Expect: 100-continue");
    try (RawConnection waiting = RawConnection.to(server)) {
      waiting.send(head.formatted(upload, "sha256:no"));
      assertThat(waiting.reply().status()).isEqualTo(400);
    }
    try (RawConnection waiting = RawConnection.to(server)) {
      waiting.send(head.formatted(upload, sha256(blob)));
      assertThat(waiting.reply().status()).isEqualTo(100);
      waiting.send(blob);
      assertThat(waiting.reply().status()).isEqualTo(201);
    }
  }

  @Test
  void anUploadSurvivesAKillOfTheServer(@TempDir Path data) {
    byte[] blob = random(500_000);
    String upload;
    try (CisternServer first = CisternServer.start(data);
        RegistryClient client = new RegistryClient(first)) {
      upload = client.startUpload("push");
      client.patch(upload, Arrays.copyOf(blob, 300_000), "Content-Range", "0-299999");
      first.kill();
    }
    try (CisternServer second = CisternServer.start(data);
        RegistryClient client = new RegistryClient(second)) {
      HttpResponse<byte[]> status = client.get(upload);
      assertThat(status.statusCode()).isEqualTo(204);
      assertThat(header(status, "Range")).isEqualTo("0-299999");

      HttpResponse<byte[]> pushed =
          client.put(
              upload + "?digest=" + sha256(blob),
              Arrays.copyOfRange(blob, 300_000, 500_000),
              "Content-Range",
              "300000-499999");

      assertThat(pushed.statusCode()).isEqualTo(201);
      assertThat(client.get(location(pushed)).body()).isEqualTo(blob);
      second.kill();
    }
    try (CisternServer third = CisternServer.start(data);
        RegistryClient client = new RegistryClient(third)) {
      assertThat(client.get("/v2/push/blobs/" + sha256(blob)).body()).isEqualTo(blob);
    }
  }

  private static void assertPushed(HttpResponse<byte[]> reply, String digest, byte[] blob) {
    assertThat(reply.statusCode()).as(() -> RegistryClient.text(reply)).isEqualTo(201);
    assertThat(location(reply)).isEqualTo("/v2/push/blobs/" + digest);
    assertThat(header(reply, "Docker-Content-Digest")).isEqualTo(digest);
    assertThat(registry.get(location(reply)).body()).isEqualTo(blob);
  }

  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(SEED.incrementAndGet()).nextBytes(bytes);
    return bytes;
  }
}
