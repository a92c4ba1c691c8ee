package dev.cistern.conformance;

import static dev.cistern.conformance.ManifestText.DOCKER_IMAGE;
import static dev.cistern.conformance.ManifestText.DOCKER_LIST;
import static dev.cistern.conformance.ManifestText.OCI_IMAGE;
import static dev.cistern.conformance.ManifestText.OCI_INDEX;
import static dev.cistern.conformance.ManifestText.descriptor;
import static dev.cistern.conformance.ManifestText.field;
import static dev.cistern.conformance.ManifestText.image;
import static dev.cistern.conformance.ManifestText.index;
import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.header;
import static dev.cistern.conformance.RegistryClient.location;
import static dev.cistern.conformance.RegistryClient.sha256;
import static dev.cistern.conformance.RegistryClient.sha512;
import static dev.cistern.conformance.RegistryClient.text;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PushManifestTest {
  private static final String ABSENT = "sha256:" + "a".repeat(64);
  private static final int MOST_BYTES = 4 << 20;

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
    registry.pushBlob("man", "{}".getBytes(UTF_8));
  }

  @Test
  void byTag() {
    String json = image(field("note", "by tag"));

    HttpResponse<byte[]> pushed = registry.putManifest("man", "by-tag", OCI_IMAGE, json);

    assertPushed(pushed, json, OCI_IMAGE);
    assertThat(text(registry.get("/v2/man/manifests/by-tag"))).isEqualTo(json);
  }

  @Test
  void byDigest() {
    String json = image(field("note", "by digest"));

    HttpResponse<byte[]> pushed =
        registry.putManifest("man", sha256(json.getBytes(UTF_8)), OCI_IMAGE, json);

    assertPushed(pushed, json, OCI_IMAGE);
  }

  @Test
  void bySha512Digest() {
    String json = image(field("note", "by sha512"));
    String digest = sha512(json.getBytes(UTF_8));

    HttpResponse<byte[]> pushed = registry.putManifest("man", digest, OCI_IMAGE, json);

    assertThat(pushed.statusCode()).isEqualTo(201);
    assertThat(header(pushed, "Docker-Content-Digest")).isEqualTo(digest);
    HttpResponse<byte[]> pulled = registry.get(location(pushed));
    assertThat(text(pulled)).isEqualTo(json);
    assertThat(header(pulled, "Docker-Content-Digest")).isEqualTo(digest);
  }

  @Test
  void byDigestWithManyTags() {
    String json = image(field("note", "many tags"));
    List<String> tags = IntStream.range(0, 12).mapToObj(i -> "many-" + i).toList();

    HttpResponse<byte[]> pushed =
        registry.putManifest(
            "man",
            sha256(json.getBytes(UTF_8)) + "?tag=" + String.join("&tag=", tags),
            OCI_IMAGE,
            json);

    assertPushed(pushed, json, OCI_IMAGE);
    assertThat(pushed.headers().allValues("OCI-Tag")).containsExactlyElementsOf(tags);
    for (String tag : tags) {
      assertThat(text(registry.get("/v2/man/manifests/" + tag))).isEqualTo(json);
    }
  }

  @Test
  void bySha512DigestWithATag() {
    String json = image(field("note", "sha512 with a tag"));
    String digest = sha512(json.getBytes(UTF_8));

    registry.putManifest("man", digest + "?tag=long", OCI_IMAGE, json);

    HttpResponse<byte[]> pulled = registry.get("/v2/man/manifests/long");
    assertThat(header(pulled, "Docker-Content-Digest")).isEqualTo(digest);
    assertThat(text(pulled)).isEqualTo(json);
  }

  @Test
  void aBadTagAmongManyRefusesAll() {
    String json = image(field("note", "a bad tag"));

    assertError(
        registry.putManifest(
            "man", sha256(json.getBytes(UTF_8)) + "?tag=good&tag=-bad", OCI_IMAGE, json),
        400,
        "TAG_INVALID");

    assertThat(registry.get("/v2/man/manifests/good").statusCode()).isEqualTo(404);
    assertThat(registry.get("/v2/man/manifests/" + sha256(json.getBytes(UTF_8))).statusCode())
        .isEqualTo(404);
  }

  @Test
  void aTagMovesAtOnceEvenIfItWasJustPulled() {
    for (int i = 0; i < 20; i++) {
      String json = image(field("note", "moved " + i));
      registry.pushManifest("man", "moving", OCI_IMAGE, json);

      assertThat(text(registry.get("/v2/man/manifests/moving"))).isEqualTo(json);
      assertThat(text(registry.get("/v2/man/manifests/moving"))).isEqualTo(json);
    }
  }

  @Test
  void theSameManifestTwice() {
    String json = image(field("note", "twice"));

    assertPushed(registry.putManifest("man", "twice", OCI_IMAGE, json), json, OCI_IMAGE);
    assertPushed(registry.putManifest("man", "twice", OCI_IMAGE, json), json, OCI_IMAGE);
  }

  @Test
  void anIndexOfIndexes() {
    String inner = image(field("note", "inner"));
    String middle =
        index(
            descriptor(OCI_IMAGE, registry.pushManifest("man", "inner", OCI_IMAGE, inner), 1), "");
    String outer =
        index(
            descriptor(OCI_INDEX, registry.pushManifest("man", "middle", OCI_INDEX, middle), 1),
            "");

    assertPushed(registry.putManifest("man", "outer", OCI_INDEX, outer), outer, OCI_INDEX);
  }

  @Test
  void anEmptyIndex() {
    assertPushed(
        registry.putManifest("man", "empty", OCI_INDEX, index("", "")), index("", ""), OCI_INDEX);
  }

  @Test
  void anIndexOfWhatIsNotHere() {
    String json = index(descriptor(OCI_IMAGE, ABSENT, 1000), "");

    assertPushed(registry.putManifest("man", "sparse", OCI_INDEX, json), json, OCI_INDEX);
    assertThat(registry.get("/v2/man/manifests/" + ABSENT).statusCode()).isEqualTo(404);
  }

  /** Naming a blob is no proof of having it. */
  @Test
  void aManifestDoesNotReachTheBlobsOfOtherRepositories() {
    String secret = registry.pushBlob("man/secret", "secret".getBytes(UTF_8));

    registry.pushManifest(
        "man",
        "thief",
        OCI_IMAGE,
        "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}"
            .formatted(
                descriptor(ManifestText.EMPTY_TYPE, ManifestText.EMPTY, 2),
                descriptor("application/octet-stream", secret, 6)));

    assertError(registry.get("/v2/man/blobs/" + secret), 404, "BLOB_UNKNOWN");
  }

  @Test
  void anArtifact() {
    String json = image(field("artifactType", "application/vnd.example.artifact"));

    assertPushed(registry.putManifest("man", "artifact", OCI_IMAGE, json), json, OCI_IMAGE);
  }

  @ParameterizedTest
  @CsvSource({"image", "index"})
  void whatHasASubjectIsToldSo(String kind) {
    String more = ManifestText.subject(ABSENT) + field("note", "subject of " + kind);
    String json = kind.equals("index") ? index("", more) : image(more);
    String type = kind.equals("index") ? OCI_INDEX : OCI_IMAGE;

    HttpResponse<byte[]> pushed = registry.putManifest("man", kind, type, json);

    assertPushed(pushed, json, type);
    assertThat(header(pushed, "OCI-Subject")).isEqualTo(ABSENT);
  }

  @Test
  void whatHasNoSubjectIsNotToldSo() {
    HttpResponse<byte[]> pushed = registry.putManifest("man", "none", OCI_IMAGE, image(""));

    assertThat(header(pushed, "OCI-Subject")).isEmpty();
  }

  @Test
  void dockersImagesAndLists() {
    String json = image(DOCKER_IMAGE, field("note", "docker"));
    assertPushed(registry.putManifest("man", "docker", DOCKER_IMAGE, json), json, DOCKER_IMAGE);

    String list = index(DOCKER_LIST, descriptor(DOCKER_IMAGE, sha256(json.getBytes(UTF_8)), 1), "");
    assertPushed(registry.putManifest("man", "list", DOCKER_LIST, list), list, DOCKER_LIST);
  }

  @ParameterizedTest
  @CsvSource({
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json"
  })
  void theContentTypeStandsForAMediaTypeThatIsNotInTheManifest(String type) {
    String json =
        "{\"schemaVersion\":2,\"config\":%s,\"layers\":[],\"note\":\"%s\"}"
            .formatted(descriptor(ManifestText.EMPTY_TYPE, ManifestText.EMPTY, 2), type);

    assertPushed(registry.putManifest("man", "typeless", type, json), json, type);
  }

  @Test
  void parametersOfTheContentTypeAreDropped() {
    String json = image(field("note", "parameters"));

    assertPushed(
        registry.putManifest("man", "parameters", OCI_IMAGE + "; charset=utf-8", json),
        json,
        OCI_IMAGE);
  }

  @Test
  void everyByteIsKept() {
    String json =
        " \n{ \"layers\" :\t[], \"schemaVersion\":2,\r\n \"text\": \"\\u00e9 é 漢\","
            + "\"number\": 1.50e3, \"config\":"
            + descriptor(ManifestText.EMPTY_TYPE, ManifestText.EMPTY, 2)
            + "} \n\n";

    assertPushed(registry.putManifest("man", "bytes", OCI_IMAGE, json), json, OCI_IMAGE);
  }

  @Test
  void fieldsThatNobodyKnowsAndEmbeddedData() {
    String config =
        "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":2,\"data\":\"e30=\",\"x\":[1,{}]}"
            .formatted(ManifestText.EMPTY_TYPE, ManifestText.EMPTY);
    String json =
        "{\"schemaVersion\":2,\"config\":%s,\"layers\":[],\"custom\":{\"a\":[null,true,{}]}}"
            .formatted(config);

    assertPushed(registry.putManifest("man", "custom", OCI_IMAGE, json), json, OCI_IMAGE);
  }

  @Test
  void fourMebibytesAreAccepted() {
    String json = ofSize(MOST_BYTES);

    assertPushed(registry.putManifest("man", "large", OCI_IMAGE, json), json, OCI_IMAGE);
  }

  @Test
  void oneByteMoreIsTooLarge() {
    String json = ofSize(MOST_BYTES + 1);

    assertError(registry.putManifest("man", "larger", OCI_IMAGE, json), 413, "SIZE_INVALID");

    assertThat(registry.get("/v2/man/manifests/larger").statusCode()).isEqualTo(404);
  }

  private static String ofSize(int size) {
    int frame = image(field("padding", "")).length();
    return image(field("padding", "x".repeat(size - frame)));
  }

  private static void assertPushed(HttpResponse<byte[]> reply, String json, String mediaType) {
    String digest = sha256(json.getBytes(UTF_8));
    assertThat(reply.statusCode()).as(() -> text(reply)).isEqualTo(201);
    assertThat(location(reply)).isEqualTo("/v2/man/manifests/" + digest);
    assertThat(header(reply, "Docker-Content-Digest")).isEqualTo(digest);
    HttpResponse<byte[]> pulled = registry.get(location(reply));
    assertThat(pulled.body()).isEqualTo(json.getBytes(UTF_8));
    assertThat(header(pulled, "Content-Type")).isEqualTo(mediaType);
    assertThat(header(pulled, "Docker-Content-Digest")).isEqualTo(digest);
  }
}
