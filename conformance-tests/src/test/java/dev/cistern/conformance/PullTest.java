package dev.cistern.conformance;

import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.header;
import static dev.cistern.conformance.RegistryClient.sha256;
import static dev.cistern.conformance.RegistryClient.text;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every answer is asked for twice: the second comes from the server's memory. */
class PullTest {
  private static final byte[] LARGE = new byte[200_000];
  private static final byte[] SMALL = "0123456789".getBytes(UTF_8);
  private static final String ABSENT = "sha256:" + "0".repeat(64);
  private static final Pattern PART =
      Pattern.compile(
          String.join(
              "\r\n",
              "",
              "--(?<boundary>[^\r\n]+)",
              "Content-Type: application/octet-stream",
              "Content-Range: bytes (?<first>\\d+)-(?<last>\\d+)/200000",
              "",
              ""));

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;
  private static String large;
  private static String small;
  private static String manifest;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
    new Random(1).nextBytes(LARGE);
    large = "/v2/pull/blobs/" + registry.pushBlob("pull", LARGE);
    small = "/v2/pull/blobs/" + registry.pushBlob("pull", SMALL);
    manifest =
        registry.pushManifest("pull", "latest", ManifestText.OCI_IMAGE, ManifestText.image(""));
  }

  @Test
  void theBaseEndpointAnswersWithAndWithoutSlash() {
    assertThat(registry.get("/v2/").statusCode()).isEqualTo(200);
    assertThat(registry.get("/v2").statusCode()).isEqualTo(200);
    assertThat(registry.head("/v2/").statusCode()).isEqualTo(200);
  }

  @Test
  void aBlobComesWholeWithItsDigestAndTag() {
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> reply = registry.get(large);

      assertThat(reply.statusCode()).isEqualTo(200);
      assertThat(reply.body()).isEqualTo(LARGE);
      assertThat(header(reply, "Docker-Content-Digest")).isEqualTo(sha256(LARGE));
      assertThat(header(reply, "ETag")).isEqualTo("\"" + sha256(LARGE) + "\"");
      assertThat(header(reply, "Accept-Ranges")).isEqualTo("bytes");
      assertThat(header(reply, "Content-Type")).isEqualTo("application/octet-stream");
    }
  }

  @Test
  void headTellsTheSizeOfABlob() {
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> reply = registry.head(large);

      assertThat(reply.statusCode()).isEqualTo(200);
      assertThat(header(reply, "Content-Length")).isEqualTo("200000");
      assertThat(header(reply, "Docker-Content-Digest")).isEqualTo(sha256(LARGE));
      registry.get(large);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"latest", "DIGEST"})
  void aManifestComesByTagAndByDigest(String reference) {
    String path = "/v2/pull/manifests/" + reference.replace("DIGEST", manifest);
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> head = registry.head(path);
      HttpResponse<byte[]> reply = registry.get(path);

      assertThat(head.statusCode()).isEqualTo(200);
      assertThat(header(head, "Content-Length"))
          .isEqualTo("" + ManifestText.image("").getBytes(UTF_8).length);
      assertThat(header(head, "Content-Type")).isEqualTo(ManifestText.OCI_IMAGE);
      assertThat(header(head, "Docker-Content-Digest")).isEqualTo(manifest);
      assertThat(reply.statusCode()).isEqualTo(200);
      assertThat(text(reply)).isEqualTo(ManifestText.image(""));
      assertThat(header(reply, "Content-Type")).isEqualTo(ManifestText.OCI_IMAGE);
      assertThat(header(reply, "Docker-Content-Digest")).isEqualTo(manifest);
      assertThat(header(reply, "ETag")).isEqualTo("\"" + manifest + "\"");
    }
  }

  @Test
  void theColonOfADigestMayBePercentEncoded() {
    String path = "/v2/pull/manifests/" + manifest.replace(":", "%3A");

    assertThat(text(registry.get(path))).isEqualTo(ManifestText.image(""));
  }

  @Test
  void whatIsNotThereIsUnknown() {
    assertError(registry.get("/v2/pull/blobs/" + ABSENT), 404, "BLOB_UNKNOWN");
    assertError(registry.get("/v2/pull/manifests/" + ABSENT), 404, "MANIFEST_UNKNOWN");
    assertError(registry.get("/v2/pull/manifests/absent"), 404, "MANIFEST_UNKNOWN");
    assertError(registry.get("/v2/absent/manifests/latest"), 404, "MANIFEST_UNKNOWN");
    assertThat(registry.head("/v2/pull/blobs/" + ABSENT).statusCode()).isEqualTo(404);
    assertThat(registry.head("/v2/pull/manifests/absent").statusCode()).isEqualTo(404);
  }

  @ParameterizedTest
  @ValueSource(strings = {"TAG", "*", "\"other\", TAG", "W/TAG"})
  void whatTheClientHasIsNotSentAgain(String condition) {
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> reply =
          registry.get(large, "If-None-Match", condition.replace("TAG", tag(LARGE)));

      assertThat(reply.statusCode()).isEqualTo(304);
      assertThat(reply.body()).isEmpty();
      assertThat(header(reply, "ETag")).isEqualTo(tag(LARGE));
      registry.get(large);
    }
  }

  @Test
  void whatTheClientHasNotIsSent() {
    assertThat(registry.get(large, "If-None-Match", "\"other\"").statusCode()).isEqualTo(200);
    assertThat(registry.get(large, "If-Match", tag(LARGE)).statusCode()).isEqualTo(200);
    assertThat(registry.get(large, "If-Match", "*").statusCode()).isEqualTo(200);
  }

  /** RFC 9110 section 13.1.1: If-Match compares strongly, so a weak tag never matches. */
  @ParameterizedTest
  @ValueSource(strings = {"\"other\"", "W/TAG"})
  void whatIsNotWhatTheClientExpectsIsRefused(String condition) {
    for (int i = 0; i < 2; i++) {
      assertError(
          registry.get(small, "If-Match", condition.replace("TAG", tag(SMALL))),
          412,
          "UNSUPPORTED");
      registry.get(small);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bytes=0-0, 0, 0",
    "bytes=2-5, 2, 5",
    "bytes=5-, 5, 9",
    "bytes=-3, 7, 9",
    "bytes=-100, 0, 9",
    "bytes=8-100, 8, 9",
    "bytes=0-9, 0, 9"
  })
  void oneRangeOfAnySize(String range, int first, int last) {
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> reply = registry.get(small, "Range", range);

      assertThat(reply.statusCode()).isEqualTo(206);
      assertThat(reply.body()).isEqualTo(Arrays.copyOfRange(SMALL, first, last + 1));
      assertThat(header(reply, "Content-Range")).isEqualTo("bytes " + first + "-" + last + "/10");
      assertThat(header(reply, "ETag")).isEqualTo(tag(SMALL));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bytes=0-0, 0, 0",
    "bytes=100000-150000, 100000, 150000",
    "bytes=-3, 199997, 199999",
    "bytes=199999-, 199999, 199999"
  })
  void oneRangeOfALargeBlob(String range, int first, int last) {
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> reply = registry.get(large, "Range", range);

      assertThat(reply.statusCode()).isEqualTo(206);
      assertThat(reply.body()).isEqualTo(Arrays.copyOfRange(LARGE, first, last + 1));
      assertThat(header(reply, "Content-Range"))
          .isEqualTo("bytes " + first + "-" + last + "/200000");
    }
  }

  @Test
  void aRangeOfAManifest() {
    HttpResponse<byte[]> reply =
        registry.get("/v2/pull/manifests/latest", "Range", "bytes=1-15", "Accept", "*/*");

    assertThat(reply.statusCode()).isEqualTo(206);
    assertThat(text(reply)).isEqualTo("\"schemaVersion\"");
    assertThat(header(reply, "Content-Type")).isEqualTo(ManifestText.OCI_IMAGE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99-100,200-"})
  void aRangeWithoutAnyByteIsNotSatisfiable(String range) {
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> reply = registry.get(small, "Range", range);

      assertError(reply, 416, "RANGE_INVALID");
      assertThat(header(reply, "Content-Range")).isEqualTo("bytes */10");
      registry.get(small);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=1-2-3"})
  void aRangeThatIsNoneIsIgnored(String range) {
    HttpResponse<byte[]> reply = registry.get(small, "Range", range);

    assertThat(reply.statusCode()).isEqualTo(200);
    assertThat(reply.body()).isEqualTo(SMALL);
  }

  /** RFC 9110 section 14.2: a server must ignore Range in anything but GET. */
  @Test
  void headHasNoRanges() {
    for (String path : new String[] {small, large}) {
      for (int i = 0; i < 2; i++) {
        assertThat(registry.head(path, "Range", "bytes=2-5").statusCode()).isEqualTo(200);
        assertThat(registry.head(path, "Range", "bytes=999999-").statusCode()).isEqualTo(200);
        registry.get(path);
      }
    }
  }

  @Test
  void severalRangesComeAsParts() {
    for (int i = 0; i < 2; i++) {
      HttpResponse<byte[]> reply =
          registry.get(large, "Range", "bytes=0-99, 1000-70999, 300000-, -5");

      assertThat(reply.statusCode()).isEqualTo(206);
      String type = header(reply, "Content-Type");
      assertThat(type).startsWith("multipart/byteranges; boundary=");
      String boundary = type.substring(type.indexOf('=') + 1);
      String body = new String(reply.body(), ISO_8859_1);
      int end = assertPart(body, 0, boundary, 0, 99);
      end = assertPart(body, end, boundary, 1000, 70_999);
      end = assertPart(body, end, boundary, 199_995, 199_999);
      assertThat(body.substring(end)).isEqualTo("\r\n--" + boundary + "--\r\n");
    }
  }

  private static int assertPart(String body, int from, String boundary, int first, int last) {
    Matcher part = PART.matcher(body).region(from, body.length());
    assertThat(part.lookingAt()).as("a part begins at " + from).isTrue();
    assertThat(part.group("boundary")).isEqualTo(boundary);
    assertThat(part.group("first")).isEqualTo("" + first);
    assertThat(part.group("last")).isEqualTo("" + last);
    int end = part.end() + last - first + 1;
    assertThat(body.substring(part.end(), end).getBytes(ISO_8859_1))
        .isEqualTo(Arrays.copyOfRange(LARGE, first, last + 1));
    return end;
  }

  @Test
  void ofSeveralRangesOneWithBytesIsASingleRange() {
    HttpResponse<byte[]> reply = registry.get(large, "Range", "bytes=5-6,200000-");

    assertThat(reply.statusCode()).isEqualTo(206);
    assertThat(header(reply, "Content-Range")).isEqualTo("bytes 5-6/200000");
  }

  @Test
  void tooManyRangesAreRefused() {
    assertError(registry.get(large, "Range", "bytes=" + "1-2,".repeat(100)), 416, "RANGE_INVALID");
  }

  /** A range is worth its trouble for large content only; RFC 9110 lets a server ignore it. */
  @Test
  void severalRangesOfASmallBlobAreAnsweredByTheWhole() {
    HttpResponse<byte[]> reply = registry.get(small, "Range", "bytes=0-1,4-5");

    assertThat(reply.statusCode()).isEqualTo(200);
    assertThat(reply.body()).isEqualTo(SMALL);
  }

  @Test
  void aRangeIsOnlyOfTheContentThatIfRangeNames() {
    for (int i = 0; i < 2; i++) {
      assertThat(registry.get(large, "Range", "bytes=0-4", "If-Range", tag(LARGE)).statusCode())
          .isEqualTo(206);
      assertThat(registry.get(large, "Range", "bytes=0-4", "If-Range", "\"other\"").statusCode())
          .isEqualTo(200);
      assertThat(
              registry.get(large, "Range", "bytes=0-4", "If-Range", "W/" + tag(LARGE)).statusCode())
          .isEqualTo(200);
    }
  }

  @Test
  void oneConnectionServesManyRequests() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (int i = 0; i < 3; i++) {
        connection.send("HEAD " + small + " HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(connection.replyToHead().header("Content-Length")).isEqualTo("10");
        connection.send("GET /v2/absent/manifests/a HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(connection.reply().status()).isEqualTo(404);
        connection.send("GET " + small + " HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(connection.reply().body()).isEqualTo("0123456789");
        connection.send("GET " + large + " HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(connection.reply().body()).hasSize(200_000);
        connection.send("GET " + small + " HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n");
        assertThat(connection.reply().status()).isEqualTo(304);
      }
    }
  }

  /** Every push ends what the server has in memory of the repository. */
  @Test
  void manyPullWhileTheirRepositoryChanges() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      var pullers = new ArrayList<Future<?>>();
      for (int i = 0; i < 6; i++) {
        pullers.add(threads.submit(() -> pullOften(150)));
      }
      for (int i = 0; i < 60; i++) {
        String json = ManifestText.image(ManifestText.field("note", "change " + i));
        registry.pushManifest("pull", "changing", ManifestText.OCI_IMAGE, json);
      }
      for (Future<?> puller : pullers) {
        puller.get();
      }
    }
  }

  private static int pullOften(int times) throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      for (int i = 0; i < times; i++) {
        connection.send(RawConnection.head("GET " + large + " HTTP/1.1", "Host: a"));
        RawConnection.Reply reply = connection.reply();
        assertThat(reply.status()).isEqualTo(200);
        assertThat(sha256(reply.body().getBytes(ISO_8859_1))).isEqualTo(sha256(LARGE));
      }
    }
    return times;
  }

  @Test
  void aConnectionIsClosedWhenTheClientAsksForIt() throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send("GET " + small + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

      assertThat(connection.reply().header("Connection")).isEqualToIgnoringCase("close");
      assertThat(connection.readToEnd()).isEmpty();
    }
  }

  private static String tag(byte[] content) {
    return "\"" + sha256(content) + "\"";
  }
}
