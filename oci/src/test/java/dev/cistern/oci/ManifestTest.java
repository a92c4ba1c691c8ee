package dev.cistern.oci;

import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestTest {
  private static final Digest EMPTY = Digest.of(new byte[0]);
  private static final Digest SUBJECT = Digest.of("subject".getBytes(UTF_8));

  @Test
  void anImageNamesItsConfigItsLayersAndItsSubject() {
    Manifest manifest =
        parse(
            """
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
             "config": {"mediaType": "application/vnd.example+json", "digest": "D", "size": 2},
             "layers": [{"mediaType": "text/plain", "digest": "S", "size": 9223372036854775807,
                         "urls": ["https://example.com/"], "data": "e30="}],
             "subject": {"mediaType": "application/json", "digest": "S", "size": 0},
             "annotations": {"a": "b"}, "unknown": [1, {"x": null}]}
            """);

    assertThat(manifest.mediaType()).isEqualTo(MediaType.OCI_IMAGE);
    assertThat(manifest.blobs().map(Descriptor::digest)).containsExactly(EMPTY, SUBJECT);
    assertThat(manifest.blobs().map(Descriptor::size)).containsExactly(2L, Long.MAX_VALUE);
    assertThat(manifest.children()).isEmpty();
    assertThat(manifest.subject()).contains(SUBJECT);
    assertThat(manifest.annotations()).isEqualTo(Map.of("a", "b"));
  }

  @Test
  void theArtifactTypeOfAnImageIsThatOfItsConfigUnlessItSaysOne() {
    String config = "'config':{'mediaType':'application/vnd.c+json','digest':'D','size':2}";

    assertThat(parse("{'schemaVersion':2," + config + "}").artifactType())
        .contains("application/vnd.c+json");
    assertThat(parse("{'schemaVersion':2,'artifactType':'a/b'," + config + "}").artifactType())
        .contains("a/b");
    assertThat(parse("{'schemaVersion':2,'artifactType':''," + config + "}").artifactType())
        .contains("application/vnd.c+json");
  }

  @Test
  void anIndexNamesItsChildrenAndWhatIsNoManifestAmongThemIsABlob() {
    Manifest manifest =
        parse(
            """
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
             "artifactType": "a/b", "manifests": [
             {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "D", "size": 2,
              "platform": {"os": "linux", "architecture": "arm", "variant": "v7"}},
             {"mediaType": "application/octet-stream", "digest": "S", "size": 7}]}
            """);

    assertThat(manifest).isInstanceOf(Manifest.Index.class);
    assertThat(manifest.artifactType()).contains("a/b");
    assertThat(manifest.subject()).isEmpty();
    assertThat(manifest.blobs().map(Descriptor::digest)).containsExactly(SUBJECT);
    assertThat(manifest.children().map(child -> child.platform().map(Platform::toString)))
        .containsExactly(Optional.of("linux/arm/v7"));
  }

  @Test
  void emptyAndSparseListsAreFine() {
    assertThat(parse("{'schemaVersion':2,'manifests':[]}").children()).isEmpty();
    assertThat(parse("{'schemaVersion':2,'manifests':null}").children()).isEmpty();
    assertThat(parse("{'schemaVersion':2,'config':CONFIG,'layers':[]}").blobs()).hasSize(1);
    assertThat(parse("{'schemaVersion':2,'config':CONFIG,'subject':null}").subject()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.manifest.v1+json"
  })
  void theContentTypeCountsWhereTheManifestSaysNothing(String type) {
    assertThat(parse("{'schemaVersion':2,'config':CONFIG}", type).mediaType()).hasToString(type);
  }

  @ParameterizedTest
  @ValueSource(strings = {"application/json", "application/octet-stream", "text/plain"})
  void aContentTypeThatSaysOnlyThatItIsJsonContradictsNothing(String type) {
    assertThat(parse("{'schemaVersion':2,'config':CONFIG}", type).mediaType())
        .isEqualTo(MediaType.OCI_IMAGE);
    assertThat(parse("{'schemaVersion':2,'manifests':[]}", type).mediaType())
        .isEqualTo(MediaType.OCI_INDEX);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''                                                        | not a JSON object",
        "x                                                         | not JSON",
        "{                                                         | not JSON",
        "{} {}                                                     | not JSON",
        "{'schemaVersion':2,'schemaVersion':2,'manifests':[]}      | not JSON",
        "{'schemaVersion':2,'manifests':[],}                       | not JSON",
        "{'schemaVersion':2,'manifests':[],'x':01}                 | not JSON",
        "{'schemaVersion':2,'manifests':[],'x':NaN}                | not JSON",
        "[]                                                        | not a JSON object",
        "null                                                      | not a JSON object",
        "2                                                         | not a JSON object",
        "{}                                                        | schemaVersion is missing",
        "{'schemaVersion':'2','manifests':[]}                      | schemaVersion is",
        "{'schemaVersion':2.0,'manifests':[]}                      | schemaVersion is",
        "{'schemaVersion':1,'manifests':[]}                        | only 2 is accepted",
        "{'schemaVersion':4294967298,'manifests':[]}               | only 2 is accepted",
        "{'schemaVersion':99999999999999999999,'manifests':[]}     | only 2 is accepted",
        "{'schemaVersion':null,'manifests':[]}                     | schemaVersion is",
        "{'schemaVersion':2}                                       | config is missing",
        "{'schemaVersion':2,'config':null}                         | config is missing",
        "{'schemaVersion':2,'config':[]}                           | config is not a descriptor",
        "{'schemaVersion':2,'manifests':[],'layers':[]}            | both manifests and layers",
        "{'schemaVersion':2,'manifests':[],'config':CONFIG}        | both manifests and layers",
        "{'schemaVersion':2,'mediaType':7,'config':CONFIG}         | mediaType is not a text",
        "{'schemaVersion':2,'mediaType':'','config':CONFIG}        | not a media type",
        "{'schemaVersion':2,'mediaType':'a/b','config':CONFIG}     | not a manifest's media type",
        "{'schemaVersion':2,'mediaType':'INDEX','config':CONFIG}   | manifests is missing",
        "{'schemaVersion':2,'mediaType':'IMAGE','manifests':[]}    | manifests is there",
        "{'schemaVersion':2,'manifests':{}}                        | manifests is not a list",
        "{'schemaVersion':2,'manifests':[1]}                       | manifests[0] is not a desc",
        "{'schemaVersion':2,'manifests':[CONFIG,{}]}               | manifests[1].size is not",
        "{'schemaVersion':2,'config':CONFIG,'layers':'x'}          | layers is not a list",
        "{'schemaVersion':2,'config':CONFIG,'layers':[null]}       | layers[0] is not a desc",
        "{'schemaVersion':2,'config':CONFIG,'subject':'D'}         | subject is not a descriptor",
        "{'schemaVersion':2,'config':CONFIG,'artifactType':1}      | artifactType is not a text",
        "{'schemaVersion':2,'config':CONFIG,'annotations':[]}      | annotations is not an object",
        "{'schemaVersion':2,'config':CONFIG,'annotations':{'a':1}} | annotation \"a\" is not a text",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','digest':'D','size':-1}}   | config.size",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','digest':'D','size':1.5}}  | config.size",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','digest':'D','size':'1'}}  | config.size",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','digest':'D','size':9223372036854775808}} | config.size",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','digest':'D'}}             | config.size",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','size':1}}                 | config.digest is missing",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','digest':'md5:0','size':1}}| config: unsupported digest",
        "{'schemaVersion':2,'config':{'mediaType':'a/b','digest':7,'size':1}}      | digest is not a text",
        "{'schemaVersion':2,'config':{'digest':'D','size':1}}                      | config.mediaType is missing",
        "{'schemaVersion':2,'config':{'mediaType':'x','digest':'D','size':1}}      | config: not a media type",
      })
  void whatIsNoManifestIsRefusedWithTheReason(String json, String reason) {
    assertThatThrownBy(() -> parse(json))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.MANIFEST_INVALID))
        .hasMessageContaining(reason);
  }

  @Test
  void aContentTypeThatContradictsTheManifestIsRefused() {
    assertThatThrownBy(() ->
            parse(
                "{'schemaVersion':2,'mediaType':'IMAGE','config':CONFIG}",
                "application/vnd.docker.distribution.manifest.v2+json"))
        .isInstanceOf(OciException.class)
        .hasMessageContaining("they must agree");
    assertThatThrownBy(() ->
            parse("{'schemaVersion':2,'config':CONFIG}", "application/vnd.oci.image.index.v1+json"))
        .isInstanceOf(OciException.class)
        .hasMessageContaining("manifests is missing");
  }

  @Test
  void nestingThatCouldExhaustTheStackIsRefused() {
    String deep = "[".repeat(100_000) + "]".repeat(100_000);

    assertThatThrownBy(() -> parse("{'schemaVersion':2,'manifests':[],'x':" + deep + "}"))
        .isInstanceOf(OciException.class)
        .hasMessageContaining("not JSON");
  }

  @Test
  void bytesThatAreNotUtf8AreRefused() {
    byte[] broken = "{\"schemaVersion\":2,\"manifests\":[],\"x\":\"?\"}".getBytes(UTF_8);
    broken[broken.length - 3] = (byte) 0xff;
    byte[] wide = "{\"schemaVersion\":2,\"manifests\":[]}".getBytes(UTF_16LE);

    assertThatThrownBy(() -> Manifest.parse(broken, Optional.empty()))
        .isInstanceOf(OciException.class);
    assertThatThrownBy(() -> Manifest.parse(wide, Optional.empty()))
        .isInstanceOf(OciException.class);
  }

  private static Manifest parse(String json) {
    return Manifest.parse(bytes(json), Optional.empty());
  }

  private static Manifest parse(String json, String contentType) {
    return Manifest.parse(bytes(json), Optional.of(MediaType.parse(contentType)));
  }

  /** Quotes may be single; CONFIG is a descriptor, D and S are digests. */
  private static byte[] bytes(String json) {
    return json.replace("CONFIG", "{'mediaType':'application/json','digest':'D','size':2}")
        .replace("'IMAGE'", "'" + MediaType.OCI_IMAGE + "'")
        .replace("'INDEX'", "'" + MediaType.OCI_INDEX + "'")
        .replace('\'', '"')
        .replace("\"D\"", '"' + EMPTY.toString() + '"')
        .replace("\"S\"", '"' + SUBJECT.toString() + '"')
        .getBytes(UTF_8);
  }
}
