package dev.cistern.conformance;

import static dev.cistern.conformance.ManifestText.OCI_IMAGE;
import static dev.cistern.conformance.ManifestText.OCI_INDEX;
import static dev.cistern.conformance.ManifestText.descriptor;
import static dev.cistern.conformance.ManifestText.field;
import static dev.cistern.conformance.ManifestText.image;
import static dev.cistern.conformance.ManifestText.index;
import static dev.cistern.conformance.ManifestText.subject;
import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.header;
import static dev.cistern.conformance.RegistryClient.json;
import static dev.cistern.conformance.RegistryClient.sha256;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReferrersTest {
  private static final String SBOM = "application/vnd.example.sbom";
  private static final String SIGNATURE = "application/vnd.example.signature";

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
  }

  @Test
  void theDescriptorSaysAllThatTheManifestSays() {
    String subject = subjectOf("ref/all");
    String image =
        image(
            subject(subject)
                + field("artifactType", SBOM)
                + ",\"annotations\":{\"a\":\"1\",\"é\":\"漢\"}");
    String digest = push("ref/all", image);

    assertThat(referrers("ref/all", subject))
        .containsExactly(
            JsonMapper.shared()
                .readTree(
                    "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%d,\"artifactType\":\"%s\",\"annotations\":{\"a\":\"1\",\"é\":\"漢\"}}"
                        .formatted(OCI_IMAGE, digest, image.getBytes(UTF_8).length, SBOM)));
  }

  @Test
  void theTypeOfAnArtifactIsThatOfItsConfigIfItSaysNone() {
    String subject = subjectOf("ref/config");
    String type = "application/vnd.Example.Config+json";
    push(
        "ref/config",
        "{\"schemaVersion\":2,\"config\":%s,\"layers\":[],\"artifactType\":\"\"%s}"
            .formatted(descriptor(type, ManifestText.EMPTY, 2), subject(subject)));

    assertThat(referrers("ref/config", subject))
        .extracting(node -> node.path("artifactType").asString())
        .containsExactly(type);
  }

  @Test
  void anIndexWithoutATypeHasNone() {
    String subject = subjectOf("ref/index");
    registry.pushManifest(
        "ref/index", "index", OCI_INDEX, index("", subject(subject) + field("note", "bare")));
    registry.pushManifest(
        "ref/index", "typed", OCI_INDEX, index("", subject(subject) + field("artifactType", SBOM)));

    List<JsonNode> found = referrers("ref/index", subject);

    assertThat(found)
        .extracting(node -> node.path("mediaType").asString())
        .containsExactly(OCI_INDEX, OCI_INDEX);
    assertThat(found)
        .extracting(node -> node.path("artifactType").asString("none"))
        .containsExactlyInAnyOrder("none", SBOM);
    assertThat(found).noneMatch(node -> node.has("annotations"));
  }

  @Test
  void theAnswerIsAnIndex() {
    HttpResponse<byte[]> reply = registry.get("/v2/ref/all/referrers/" + subjectOf("ref/any"));

    assertThat(reply.statusCode()).isEqualTo(200);
    assertThat(header(reply, "Content-Type")).isEqualTo(OCI_INDEX);
    assertThat(header(reply, "OCI-Filters-Applied")).isEmpty();
    assertThat(json(reply).path("schemaVersion").asInt()).isEqualTo(2);
    assertThat(json(reply).path("mediaType").asString()).isEqualTo(OCI_INDEX);
    assertThat(json(reply).path("manifests").isArray()).isTrue();
  }

  @Test
  void filtersByType() {
    String subject = subjectOf("ref/filter");
    String sbom = push("ref/filter", image(subject(subject) + field("artifactType", SBOM)));
    push("ref/filter", image(subject(subject) + field("artifactType", SIGNATURE)));

    HttpResponse<byte[]> reply =
        registry.get("/v2/ref/filter/referrers/" + subject + "?artifactType=" + SBOM);
    HttpResponse<byte[]> none =
        registry.get("/v2/ref/filter/referrers/" + subject + "?artifactType=a/b");

    assertThat(header(reply, "OCI-Filters-Applied")).isEqualTo("artifactType");
    assertThat(digests(json(reply))).containsExactly(sbom);
    assertThat(header(none, "OCI-Filters-Applied")).isEqualTo("artifactType");
    assertThat(digests(json(none))).isEmpty();
  }

  @Test
  void aSubjectMayComeLaterOrNever() {
    String later = image(field("note", "later"));
    String subject = sha256(later.getBytes(UTF_8));
    String referrer = push("ref/later", image(subject(subject)));

    assertThat(digests("ref/later", subject)).containsExactly(referrer);
    push("ref/later", later);
    assertThat(digests("ref/later", subject)).containsExactly(referrer);
  }

  @Test
  void aSubjectOrRepositoryWithoutReferrersHasAnEmptyList() {
    String nobody = "sha256:" + "b".repeat(64);

    assertThat(digests("ref/all", nobody)).isEmpty();
    assertThat(digests("ref/never-seen", nobody)).isEmpty();
  }

  @Test
  void referrersStayInTheirRepository() {
    String subject = subjectOf("ref/one");
    push("ref/one", image(subject(subject)));

    assertThat(digests("ref/two", subject)).isEmpty();
  }

  @Test
  void aDeletedReferrerIsNotListed() {
    String subject = subjectOf("ref/delete");
    String kept = push("ref/delete", image(subject(subject) + field("artifactType", SIGNATURE)));
    String deleted = push("ref/delete", image(subject(subject) + field("artifactType", SBOM)));
    assertThat(digests("ref/delete", subject)).containsExactlyInAnyOrder(kept, deleted);

    assertThat(registry.delete("/v2/ref/delete/manifests/" + deleted).statusCode()).isEqualTo(202);

    assertThat(digests("ref/delete", subject)).containsExactly(kept);
  }

  @Test
  void aDeletedSubjectKeepsItsReferrers() {
    String subject = subjectOf("ref/orphan");
    String referrer = push("ref/orphan", image(subject(subject)));

    registry.delete("/v2/ref/orphan/manifests/" + subject);

    assertThat(digests("ref/orphan", subject)).containsExactly(referrer);
  }

  @Test
  void pagesAreLinked() {
    String subject = subjectOf("ref/pages");
    var pushed = new ArrayList<String>();
    for (int i = 0; i < 7; i++) {
      String type = i % 2 == 0 ? SBOM : SIGNATURE;
      pushed.add(
          push(
              "ref/pages",
              image(subject(subject) + field("artifactType", type) + field("note", "" + i))));
    }

    assertThat(allPages("/v2/ref/pages/referrers/" + subject + "?n=3"))
        .containsExactlyInAnyOrderElementsOf(pushed);
    assertThat(allPages("/v2/ref/pages/referrers/" + subject + "?n=2&artifactType=" + SBOM))
        .containsExactlyInAnyOrder(pushed.get(0), pushed.get(2), pushed.get(4), pushed.get(6));
  }

  @Test
  void pagesThatTheirLengthEndsAreLinked() {
    String subject = subjectOf("ref/long-types");
    var pushed = new ArrayList<String>();
    for (int i = 0; i < 8; i++) {
      String type = "a/" + i + "x".repeat(1 << 20);
      pushed.add(push("ref/long-types", image(subject(subject) + field("artifactType", type))));
    }

    assertThat(allPages("/v2/ref/long-types/referrers/" + subject))
        .containsExactlyInAnyOrderElementsOf(pushed);
  }

  @Test
  void whatIsNoDigestIsRefused() {
    assertError(registry.get("/v2/ref/all/referrers/latest"), 400, "DIGEST_INVALID");
    assertError(registry.get("/v2/ref/all/referrers/sha256:00"), 400, "DIGEST_INVALID");
    assertError(
        registry.get("/v2/ref/all/referrers/" + ManifestText.EMPTY + "?last=x"),
        400,
        "DIGEST_INVALID");
  }

  @Test
  void annotationsMayBeLong() {
    String subject = subjectOf("ref/long");
    String annotation = "x".repeat(100_000);
    push("ref/long", image(subject(subject) + ",\"annotations\":{\"a\":\"" + annotation + "\"}"));

    assertThat(referrers("ref/long", subject))
        .extracting(node -> node.path("annotations").path("a").asString())
        .containsExactly(annotation);
  }

  private static List<String> allPages(String first) {
    var all = new ArrayList<String>();
    String next = first;
    while (!next.isEmpty()) {
      HttpResponse<byte[]> page = registry.get(next);
      assertThat(digests(json(page))).hasSizeLessThanOrEqualTo(3);
      all.addAll(digests(json(page)));
      next = ListTest.next(page);
    }
    return all;
  }

  private static String subjectOf(String repository) {
    return push(repository, image(field("note", "subject in " + repository)));
  }

  private static String push(String repository, String json) {
    return registry.pushManifest(repository, sha256(json.getBytes(UTF_8)), OCI_IMAGE, json);
  }

  private static List<JsonNode> referrers(String repository, String subject) {
    HttpResponse<byte[]> reply = registry.get("/v2/" + repository + "/referrers/" + subject);
    assertThat(reply.statusCode()).isEqualTo(200);
    return json(reply).path("manifests").valueStream().toList();
  }

  private static List<String> digests(String repository, String subject) {
    return referrers(repository, subject).stream()
        .map(node -> node.path("digest").asString())
        .toList();
  }

  private static List<String> digests(JsonNode index) {
    return index
        .path("manifests")
        .valueStream()
        .map(node -> node.path("digest").asString())
        .toList();
  }
}
