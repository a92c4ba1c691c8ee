package dev.cistern.conformance;

import static dev.cistern.conformance.ManifestText.DOCKER_IMAGE;
import static dev.cistern.conformance.ManifestText.EMPTY;
import static dev.cistern.conformance.ManifestText.EMPTY_TYPE;
import static dev.cistern.conformance.ManifestText.OCI_IMAGE;
import static dev.cistern.conformance.ManifestText.OCI_INDEX;
import static dev.cistern.conformance.ManifestText.descriptor;
import static dev.cistern.conformance.ManifestText.image;
import static dev.cistern.conformance.ManifestText.index;
import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.assertErrorBody;
import static dev.cistern.conformance.RegistryClient.header;
import static dev.cistern.conformance.RegistryClient.json;
import static dev.cistern.conformance.RegistryClient.sha256;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16BE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** After each test nothing must be stored: no manifest, no blob, no upload. */
class BadInputTest {
  private static final String CONFIG = descriptor(EMPTY_TYPE, EMPTY, 2);
  private static final String HEX = "0123456789abcdef".repeat(4);

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;
  private static Path store;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
    store = data;
  }

  @AfterEach
  void nothingIsStored() throws IOException {
    assertThat(json(registry.get("/v2/_catalog")).path("repositories")).isEmpty();
    for (String directory : List.of("blobs", "uploads")) {
      try (Stream<Path> files = Files.walk(store.resolve(directory))) {
        assertThat(files.filter(Files::isRegularFile)).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "UPPER",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a._b",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "a/./b",
        "%2e%2e/a",
        "a/%2e%2e/b",
        "a%2fb",
        "a%2Fb",
        "%61",
        "a%00",
        "a%0d%0ab",
        "a%20b",
        "a b%",
        "a:b",
        "a@b",
        "a\\b",
        "a;b",
        "a/é",
        "LONG"
      })
  void badNames(String text) throws IOException {
    String name = text.replace("LONG", "a".repeat(256)).replace(" ", "+");
    for (String request :
        List.of(
            "GET /v2/NAME/manifests/latest",
            "PUT /v2/NAME/manifests/latest",
            "DELETE /v2/NAME/manifests/latest",
            "GET /v2/NAME/blobs/" + EMPTY,
            "DELETE /v2/NAME/blobs/" + EMPTY,
            "POST /v2/NAME/blobs/uploads/",
            "POST /v2/NAME/blobs/uploads/?digest=" + EMPTY,
            "PATCH /v2/NAME/blobs/uploads/" + "0".repeat(32),
            "GET /v2/NAME/tags/list",
            "GET /v2/NAME/referrers/" + EMPTY)) {
      assertRefused(request.replace("NAME", name), 400, "NAME_INVALID");
    }
  }

  @Test
  void aNameMayHave255Characters() throws IOException {
    String name = "a".repeat(127) + "/" + "b".repeat(127);

    assertRefused("GET /v2/" + name + "/manifests/latest", 404, "MANIFEST_UNKNOWN");
    assertRefused("GET /v2/" + name + "b/manifests/latest", 400, "NAME_INVALID");
  }

  @ParameterizedTest
  @ValueSource(strings = {"UPPER", "..", "a%2F..%2Fb", "%00", "a%2F", ""})
  void badNamesToMountFrom(String name) throws IOException {
    assertRefused(
        "POST /v2/bad/blobs/uploads/?mount=" + EMPTY + "&from=" + name, 400, "NAME_INVALID");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "-a", ".a", "..", "a%2fb", "%2e%2e", "a%00", "a+b", "a@b", "é", "%", "LONG"})
  void badTags(String text) throws IOException {
    String tag = text.replace("LONG", "a".repeat(129));

    for (String method : List.of("GET", "PUT", "DELETE")) {
      assertRefused(method + " /v2/bad/manifests/" + tag, 400, "TAG_INVALID");
    }
  }

  @Test
  void aTagMayHave128Characters() throws IOException {
    assertRefused("GET /v2/bad/manifests/" + "a".repeat(128), 404, "MANIFEST_UNKNOWN");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "sha256:",
        "sha256:00",
        "sha256:HEX0",
        "sha512:HEX",
        "sha256:HEXHEX",
        "SHA256:HEX",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "blake3:HEX",
        "sha256+b64:abc",
        "sha256%3A00",
        "sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde/",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc%00",
        ":",
        ":HEX"
      })
  void badDigests(String text) throws IOException {
    String digest = text.replace("HEX", HEX);
    String inPath = digest.replace("/", "%2f");
    for (String request :
        List.of(
            "GET /v2/bad/blobs/" + inPath,
            "HEAD /v2/bad/blobs/" + inPath,
            "DELETE /v2/bad/blobs/" + inPath,
            "GET /v2/bad/manifests/" + inPath,
            "PUT /v2/bad/manifests/" + inPath,
            "GET /v2/bad/referrers/" + inPath,
            "POST /v2/bad/blobs/uploads/?digest=" + digest,
            "POST /v2/bad/blobs/uploads/?mount=" + digest)) {
      assertRefused(request, 400, "DIGEST_INVALID");
    }
  }

  @Test
  void whatHasNoColonIsNoDigest() throws IOException {
    assertRefused("GET /v2/bad/blobs/latest", 400, "DIGEST_INVALID");
    assertRefused("GET /v2/bad/blobs/", 400, "DIGEST_INVALID");
    assertRefused("GET /v2/bad/blobs/" + HEX, 400, "DIGEST_INVALID");
  }

  @Test
  void anUnknownDigestAlgorithmForAnUpload() throws IOException {
    assertRefused("POST /v2/bad/blobs/uploads/?digest-algorithm=md5", 400, "DIGEST_INVALID");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "00000000000000000000000000000000",
        "0000000000000000000000000000000G",
        "000000000000000000000000000000000",
        "3e2f8a4e-9f5d-4c61-8a0e-7d2d64b5a7c1",
        "..",
        "%2e%2e%2findex",
        "%00",
        "LONG"
      })
  void badUploads(String text) throws IOException {
    String target = "/v2/bad/blobs/uploads/" + text.replace("LONG", "0".repeat(5000));

    for (String method : List.of("GET", "HEAD", "PATCH", "DELETE")) {
      assertRefused(method + " " + target, 404, "BLOB_UPLOAD_UNKNOWN");
    }
    assertRefused("PUT " + target + "?digest=" + EMPTY, 404, "BLOB_UPLOAD_UNKNOWN");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v2/bad",
        "/v2/bad/",
        "/v2//",
        "/v2/_catalog/",
        "/v2/bad/tags/other",
        "/v2/bad/tags/",
        "/v2/bad/tags/list/",
        "/v2/bad/layers/latest",
        "/v2/bad/uploads/00000000000000000000000000000000",
        "/v2/manifests/latest",
        "/v2/../v2/_catalog",
        "/v2/%5fcatalog"
      })
  void unknownEndpoints(String path) throws IOException {
    assertRefused("GET " + path, 404, "UNSUPPORTED");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/v2/                    | POST PUT PATCH DELETE OPTIONS BREW | GET, HEAD",
        "/v2/_catalog            | POST PUT PATCH DELETE TRACE        | GET, HEAD",
        "/v2/bad/tags/list       | POST PUT PATCH DELETE OPTIONS      | GET, HEAD",
        "/v2/bad/referrers/EMPTY | POST PUT PATCH DELETE OPTIONS      | GET, HEAD",
        "/v2/bad/blobs/EMPTY     | POST PUT PATCH OPTIONS             | GET, HEAD, DELETE",
        "/v2/bad/manifests/a     | POST PATCH OPTIONS                 | GET, HEAD, PUT, DELETE",
        "/v2/bad/blobs/uploads/  | GET HEAD PUT PATCH DELETE          | POST",
        "/v2/bad/blobs/uploads/ID | POST OPTIONS          | GET, HEAD, PATCH, PUT, DELETE"
      })
  void wrongMethods(String path, String methods, String allowed) throws IOException {
    String target = path.replace("EMPTY", EMPTY).replace("ID", "0".repeat(32));
    for (String method : methods.split(" ", -1)) {
      RawConnection.Reply reply = assertRefused(method + " " + target, 405, "UNSUPPORTED");
      assertThat(reply.header("Allow")).isEqualTo(allowed);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"?n=%zz", "?last=%", "?n=%f"})
  void aQueryThatCannotBeDecoded(String query) throws IOException {
    assertRefused("GET /v2/_catalog" + query, 400, "UNSUPPORTED");
  }

  /** A host from outside is looked up in the configuration; it is never dialled. */
  @Test
  void anUnknownNamespaceIsNotAsked() throws IOException {
    try (ServerSocketChannel listener = ServerSocketChannel.open()) {
      listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
      listener.configureBlocking(false);
      String own = "127.0.0.1:" + listener.socket().getLocalPort();
      for (String host :
          List.of(
              own,
              "user:secret@" + own,
              own + "%2Fv2",
              "169.254.169.254",
              "xn--bcher-kva.example",
              "b%C3%BCcher.example",
              "docker.io%00",
              "docker.io%2F..",
              "docker.io:443",
              "docker.io@" + own,
              "")) {
        assertRefused("GET /v2/bad/manifests/a?ns=" + host, 404, "NAME_UNKNOWN");
        assertRefused("HEAD /v2/bad/blobs/" + EMPTY + "?ns=" + host, 404, "NAME_UNKNOWN");
        assertRefused("GET /v2/bad/tags/list?ns=" + host, 404, "NAME_UNKNOWN");
        assertRefused("GET /v2/bad/referrers/" + EMPTY + "?ns=" + host, 404, "NAME_UNKNOWN");
      }
      assertThat(listener.accept()).isNull();
    }
  }

  static Stream<Arguments> manifests() {
    String layer = "{\"schemaVersion\":2,\"config\":" + CONFIG + ",\"layers\":[%s]}";
    String deep = "{\"schemaVersion\":2,\"config\":%s,\"layers\":[],\"x\":".formatted(CONFIG);
    return Stream.of(
        Arguments.of("nothing", ""),
        Arguments.of("no JSON", "manifest"),
        Arguments.of("HTML", "<html></html>"),
        Arguments.of("a list", "[]"),
        Arguments.of("null", "null"),
        Arguments.of("a text", "\"text\""),
        Arguments.of("an empty object", "{}"),
        Arguments.of("truncated", image("").substring(0, 60)),
        Arguments.of("without its last byte", image("").substring(0, image("").length() - 1)),
        Arguments.of("followed by another", image("") + image("")),
        Arguments.of("followed by something", image("") + "x"),
        Arguments.of("with a comment", "/* */" + image("")),
        Arguments.of("with a byte order mark", "\uFEFF" + image("")),
        Arguments.of("deep lists", deep + "[".repeat(100_000) + "]".repeat(100_000) + "}"),
        Arguments.of("deep objects", deep + "{\"a\":".repeat(100_000)),
        Arguments.of("a number too long", deep + "9".repeat(100_000) + "}"),
        Arguments.of("schema 1", "{\"schemaVersion\":1,\"name\":\"a\",\"fsLayers\":[]}"),
        Arguments.of("schema 3", image("").replace("\"schemaVersion\":2", "\"schemaVersion\":3")),
        Arguments.of("schema as text", image("").replace("Version\":2", "Version\":\"2\"")),
        Arguments.of("without schema", image("").replace("\"schemaVersion\":2,", "")),
        Arguments.of("image and index", image(",\"manifests\":[]")),
        Arguments.of("image and index without types", untyped(image(",\"manifests\":[]"))),
        Arguments.of("config and manifests", untyped(index("", ",\"config\":" + CONFIG))),
        Arguments.of("layers and manifests", untyped(index("", ",\"layers\":[]"))),
        Arguments.of("image and Index to a careless reader", image(",\"Manifests\":[]")),
        Arguments.of("layers twice to a careless reader", image(",\"Layers\":[]")),
        Arguments.of("an index's type", image(OCI_INDEX, "")),
        Arguments.of("an image's type", index(OCI_IMAGE, "", "")),
        Arguments.of("a type that is none", image("nonsense", "")),
        Arguments.of("a type of something else", image("application/json", "")),
        Arguments.of("a type that is a number", image("").replace("\"" + OCI_IMAGE + "\"", "1")),
        Arguments.of("a key twice", image(",\"layers\":[]")),
        Arguments.of("an escaped key twice", image(",\"l\\u0061yers\":[]")),
        Arguments.of("a key inside twice", image(",\"x\":{\"a\":1,\"a\":2}")),
        Arguments.of("without config", untyped("{\"schemaVersion\":2,\"layers\":[]}")),
        Arguments.of("config is null", image("").replace(CONFIG, "null")),
        Arguments.of("config is a text", image("").replace(CONFIG, "\"x\"")),
        Arguments.of("layers is an object", image("").replace("[]", "{}")),
        Arguments.of("manifests is an object", index("", "").replace("[]", "{}")),
        Arguments.of("a layer is null", layer.formatted("null")),
        Arguments.of("a layer without all", layer.formatted("{}")),
        Arguments.of("a layer without size", layer.formatted(without("size", "2"))),
        Arguments.of("a layer without type", layer.formatted(without("mediaType", EMPTY_TYPE))),
        Arguments.of("a layer without digest", layer.formatted(without("digest", EMPTY))),
        Arguments.of("a size below zero", layer.formatted(descriptor(EMPTY_TYPE, EMPTY, -1))),
        Arguments.of("a broken size", layer.formatted(CONFIG.replace(":2}", ":1.5}"))),
        Arguments.of("a size as text", layer.formatted(CONFIG.replace(":2}", ":\"2\"}"))),
        Arguments.of(
            "a huge size", layer.formatted(CONFIG.replace(":2}", ":9223372036854775808}"))),
        Arguments.of("a bad digest", layer.formatted(descriptor(EMPTY_TYPE, "sha256:0", 2))),
        Arguments.of("a digest with dots", layer.formatted(descriptor(EMPTY_TYPE, "../../x", 2))),
        Arguments.of("a bad subject", image(",\"subject\":{\"digest\":\"sha256:0\"}")),
        Arguments.of("a subject that is a text", image(",\"subject\":\"" + EMPTY + "\"")),
        Arguments.of("annotations as a list", image(",\"annotations\":[]")),
        Arguments.of("an annotation as a number", image(",\"annotations\":{\"a\":1}")),
        Arguments.of("artifactType as a list", image(",\"artifactType\":[]")));
  }

  private static String untyped(String json) {
    return json.replace("\"mediaType\":\"" + OCI_IMAGE + "\",", "")
        .replace("\"mediaType\":\"" + OCI_INDEX + "\",", "");
  }

  private static String without(String field, String value) {
    return CONFIG
        .replace("\"" + field + "\":\"" + value + "\",", "")
        .replace(",\"" + field + "\":" + value, "");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("manifests")
  void badManifests(String what, String json) {
    for (String reference : List.of("tag", sha256(json.getBytes(UTF_8)))) {
      String path = "/v2/bad/manifests/" + reference;
      HttpResponse<byte[]> reply =
          registry.put(path, json.getBytes(UTF_8), "Content-Type", "application/json");

      assertError(reply, 400, "MANIFEST_INVALID");
      assertThat(registry.head(path).statusCode()).as(what).isEqualTo(404);
    }
  }

  @Test
  void manifestsThatAreNotUtf8() throws IOException {
    var compressed = new ByteArrayOutputStream();
    try (OutputStream gzip = new GZIPOutputStream(compressed)) {
      gzip.write(image("").getBytes(UTF_8));
    }
    for (byte[] bytes :
        List.of(
            image("").getBytes(UTF_16BE),
            image(",\"x\":\"é\"").getBytes(ISO_8859_1),
            compressed.toByteArray())) {
      assertError(
          registry.put(
              "/v2/bad/manifests/tag",
              bytes,
              "Content-Type",
              OCI_IMAGE,
              "Content-Encoding",
              "gzip"),
          400,
          "MANIFEST_INVALID");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        OCI_INDEX,
        DOCKER_IMAGE,
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.example+json",
        "nonsense",
        "a/b/c",
        ";"
      })
  void aContentTypeThatDisagrees(String type) {
    assertError(registry.putManifest("bad", "tag", type, image("")), 400, "MANIFEST_INVALID");
  }

  @ParameterizedTest
  @ValueSource(strings = {OCI_INDEX, DOCKER_IMAGE})
  void aManifestOfAnotherDigest(String type) {
    String json = type.equals(OCI_INDEX) ? index("", "") : image(type, "");

    assertError(registry.putManifest("bad", EMPTY, type, json), 400, "DIGEST_INVALID");
    assertError(
        registry.putManifest("bad", "sha512:" + HEX + HEX + "?tag=a", type, json),
        400,
        "DIGEST_INVALID");
  }

  @Test
  void aManifestTooLarge() throws IOException {
    byte[] large = image(",\"x\":\"" + "x".repeat(6 << 20) + "\"").getBytes(UTF_8);
    HttpResponse<byte[]> streamed =
        registry.send(
            registry
                .request("/v2/bad/manifests/tag", "Content-Type", OCI_IMAGE)
                .PUT(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(large))));
    assertError(streamed, 413, "SIZE_INVALID");

    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(
          RawConnection.head(
              "PUT /v2/bad/manifests/tag HTTP/1.1",
              "Host: a",
              "Content-Length: 9000000000000000000"));
      assertThat(connection.reply().status()).isEqualTo(413);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "abc, 400, BLOB_UPLOAD_INVALID",
    "'', 400, BLOB_UPLOAD_INVALID",
    "0-, 400, BLOB_UPLOAD_INVALID",
    "-9, 400, BLOB_UPLOAD_INVALID",
    "0--1, 400, BLOB_UPLOAD_INVALID",
    "0-9-9, 400, BLOB_UPLOAD_INVALID",
    "0-99999999999999999999, 400, BLOB_UPLOAD_INVALID",
    "0-8, 400, SIZE_INVALID",
    "0-10, 400, SIZE_INVALID",
    "1-10, 416, RANGE_INVALID",
    "9-0, 416, RANGE_INVALID"
  })
  void aContentRangeThatIsNotThatOfTheTenBytesSent(String range, int status, String code) {
    String upload = registry.startUpload("bad");
    byte[] ten = new byte[10];
    String finish = upload + "?digest=" + sha256(ten);

    assertError(registry.patch(upload, ten, "Content-Range", range), status, code);
    assertError(registry.put(finish, ten, "Content-Range", range), status, code);

    assertThat(registry.patch(upload, ten, "Content-Range", "0-9").statusCode()).isEqualTo(202);
    registry.delete(upload);
  }

  @ParameterizedTest
  @CsvSource({"0-4, 0-4", "0-19, 0-9"})
  void aStreamWithFewerOrMoreBytesThanItsContentRange(String range, String most) {
    String upload = registry.startUpload("bad");

    HttpResponse<byte[]> reply =
        registry.send(
            registry
                .request(upload, "Content-Range", range)
                .method(
                    "PATCH",
                    BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(new byte[10]))));

    assertError(reply, 400, "SIZE_INVALID");
    assertThat(header(registry.get(upload), "Range")).isIn("0-0", most);
    registry.delete(upload);
  }

  private static RawConnection.Reply assertRefused(String request, int status, String code)
      throws IOException {
    try (RawConnection connection = RawConnection.to(server)) {
      connection.send(RawConnection.head(request + " HTTP/1.1", "Host: a", "Content-Length: 0"));
      if (request.startsWith("HEAD ")) {
        RawConnection.Reply reply = connection.replyToHead();
        assertThat(reply.status()).as(request).isEqualTo(status);
        return reply;
      }
      RawConnection.Reply reply = connection.reply();
      assertThat(reply.status()).as("%s: %s", request, reply.body()).isEqualTo(status);
      assertErrorBody(reply.header("Content-Type"), reply.body(), code);
      return reply;
    }
  }
}
