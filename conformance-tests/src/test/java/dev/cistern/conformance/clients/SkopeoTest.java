package dev.cistern.conformance.clients;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.cistern.conformance.CisternServer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SkopeoTest {
  private static final JsonMapper JSON = new JsonMapper();

  private SampleImage image;
  private CisternServer server;
  private Skopeo skopeo;

  @BeforeAll
  void start(@TempDir Path directory) {
    Clients.need("skopeo");
    image = SampleImage.write(directory.resolve("layout"));
    skopeo = new Skopeo(directory);
    server = CisternServer.start(directory.resolve("data"));
  }

  @AfterAll
  void stop() {
    if (server != null) {
      server.close();
      assertThat(server.complaints()).isEmpty();
    }
  }

  @Test
  void anImageOfAllPlatformsComesBackByteForByte(@TempDir Path directory) {
    OciLayout back = OciLayout.create(directory.resolve("back"));
    skopeo.copyAll(image.reference(), at("bytes/app:v1"));

    skopeo.copyAll(at("bytes/app:v1"), back.reference("v1"));

    assertThat(back.digest("v1")).isEqualTo(image.index());
    assertThat(back.contents()).isEqualTo(image.contents());
  }

  @Test
  void betweenRepositoriesOfOneRegistryLayersAreMounted() {
    skopeo.copyAll(image.reference(), at("mount/from:v1"));

    skopeo.copyAll(at("mount/from:v1"), at("mount/to:v1"));

    assertThat(digest("mount/to:v1")).isEqualTo(image.index());
    await().untilAsserted(() -> assertThat(requests("mount/to", "POST", "201")).hasSize(3));
  }

  @Test
  void anImageIsCopiedFromOneRegistryToAnother(@TempDir Path directory) {
    OciLayout back = OciLayout.create(directory.resolve("back"));
    skopeo.copyAll(image.reference(), at("two/app:v1"));
    try (CisternServer other = CisternServer.start(directory.resolve("data"))) {
      String there = "docker://" + other.host() + "/elsewhere/app:v2";

      skopeo.copyAll(at("two/app:v1"), there);

      skopeo.copyAll(there, back.reference("v2"));
      assertThat(back.digest("v2")).isEqualTo(image.index());
      assertThat(back.contents()).isEqualTo(image.contents());
      assertThat(other.complaints()).isEmpty();
    }
  }

  @Test
  void anIndexGoesInWithoutItsImagesAndAnImageLater() {
    skopeo.copy("--multi-arch=index-only", image.reference(), at("sparse/app:v1")).run();

    assertThat(digest("sparse/app:v1")).isEqualTo(image.index());
    assertThat(skopeo.inspect("--raw", at("sparse/app@" + image.amd64())).fail())
        .contains("manifest unknown");

    skopeo
        .copy(
            "--preserve-digests",
            image.reference(),
            at("sparse/app:arm64"),
            "--override-arch=arm64")
        .run();

    assertThat(digest("sparse/app@" + image.arm64())).isEqualTo(image.arm64());
    assertThat(digest("sparse/app:v1")).isEqualTo(image.index());
  }

  @Test
  void aSignatureIsPushedReadChangedAndWrittenBack(@TempDir Path directory) {
    String tag = at("signed/app:" + image.signatureTag());
    skopeo.copyAll(image.reference(), at("signed/app:v1"));
    skopeo.copy(image.layout().reference(image.signatureTag()), tag).run();
    OciLayout read = OciLayout.create(directory.resolve("read"));

    skopeo.copy(tag, read.reference("sig")).run();

    assertThat(read.digest("sig")).isEqualTo(image.signature());

    String changed = addSignature(read);
    skopeo.copy(read.reference("sig"), tag).run();

    assertThat(OciLayout.digest(skopeo.manifest(tag)))
        .isEqualTo(changed)
        .isNotEqualTo(image.signature());
    assertThat(digest("signed/app@" + image.signature())).isEqualTo(image.signature());
  }

  @Test
  void anImageIsConvertedToDockersFormat() {
    skopeo.copy("--all", "--format=v2s2", image.reference(), at("converted/app:v1")).run();

    assertThat(JSON.readTree(skopeo.manifest(at("converted/app:v1"))).path("mediaType").asString())
        .isEqualTo("application/vnd.docker.distribution.manifest.list.v2+json");
    assertThat(inspect("converted/app:v1", "arm64").path("Architecture").asString())
        .isEqualTo("arm64");
  }

  @Test
  void inspectSaysWhatIsThere() {
    skopeo.copyAll(image.reference(), at("seen/app:v1"));
    skopeo.copyAll(image.reference(), at("seen/app:latest"));

    JsonNode seen = inspect("seen/app:v1", "amd64");

    assertThat(seen.path("Digest").asString()).isEqualTo(image.index());
    assertThat(texts(seen.path("RepoTags"))).containsExactly("latest", "v1");
    assertThat(texts(seen.path("Layers"))).hasSize(2);
    assertThat(texts(JSON.readTree(skopeo.listTags(at("seen/app")).run()).path("Tags")))
        .containsExactly("latest", "v1");
  }

  @Test
  void aDeletedImageIsGone() {
    skopeo.copyAll(image.reference(), at("gone/app:v1"));
    skopeo.copy("--preserve-digests", image.reference(), at("gone/app:one")).run();

    skopeo.delete(at("gone/app:v1")).run();

    assertThat(skopeo.inspect(at("gone/app:v1")).fail()).contains("manifest unknown");
    assertThat(texts(JSON.readTree(skopeo.listTags(at("gone/app")).run()).path("Tags")))
        .containsExactly("one");
    assertThat(skopeo.delete(at("gone/app:v1")).fail()).contains("may not exist");
  }

  @Test
  void whatIsNotThereIsSaidToBeUnknown() {
    assertThat(skopeo.inspect(at("never/seen:v1")).fail()).contains("manifest unknown");
    assertThat(skopeo.listTags(at("never/seen")).fail()).contains("404");
  }

  private String at(String reference) {
    return "docker://" + server.host() + "/" + reference;
  }

  private String digest(String reference) {
    return OciLayout.digest(skopeo.manifest(at(reference)));
  }

  private JsonNode inspect(String reference, String architecture) {
    return JSON.readTree(skopeo.inspect(at(reference), "--override-arch=" + architecture).run());
  }

  private List<String> requests(String repository, String method, String status) {
    return server.log().stream()
        .filter(line -> line.contains("repository=\"" + repository + "\""))
        .filter(line -> line.contains("method=\"" + method + "\""))
        .filter(line -> line.contains("status=\"" + status + "\""))
        .toList();
  }

  private static List<String> texts(JsonNode array) {
    return array.valueStream().map(JsonNode::asString).toList();
  }

  /** Adds a signature as cosign does: one more layer. Returns the new manifest's digest. */
  private String addSignature(OciLayout layout) {
    ObjectNode manifest = layout.manifest(layout.digest("sig"));
    ArrayNode layers = (ArrayNode) manifest.path("layers");
    layers.add(layout.put(SampleImage.SIGNATURE_LAYER, JSON.createObjectNode().put("by", "two")));
    layout.tag("sig", layout.put(manifest.path("mediaType").asString(), manifest));
    return layout.digest("sig");
  }
}
