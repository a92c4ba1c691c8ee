package dev.cistern.conformance;

import static dev.cistern.conformance.ManifestText.OCI_IMAGE;
import static dev.cistern.conformance.ManifestText.field;
import static dev.cistern.conformance.ManifestText.image;
import static dev.cistern.conformance.RegistryClient.assertError;
import static dev.cistern.conformance.RegistryClient.json;
import static dev.cistern.conformance.RegistryClient.sha256;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever is deleted here is pulled first, so that the server has it in memory. */
class DeleteTest {
  private static final String ABSENT = "sha256:" + "c".repeat(64);

  @AutoClose private static CisternServer server;
  @AutoClose private static RegistryClient registry;

  @BeforeAll
  static void start(@TempDir Path data) {
    server = CisternServer.start(data);
    registry = new RegistryClient(server);
  }

  @Test
  void aDeletedTagIsGoneAndItsManifestStays() {
    String digest = push("del/tag", "a", "tag");
    push("del/tag", "b", "tag");
    pullTwice("/v2/del/tag/manifests/a");
    pullTwice("/v2/del/tag/manifests/b");

    assertThat(registry.delete("/v2/del/tag/manifests/a").statusCode()).isEqualTo(202);

    assertGone("/v2/del/tag/manifests/a", "MANIFEST_UNKNOWN");
    pullTwice("/v2/del/tag/manifests/b");
    pullTwice("/v2/del/tag/manifests/" + digest);
    assertThat(json(registry.get("/v2/del/tag/tags/list")).path("tags").toString())
        .isEqualTo("[\"b\"]");
  }

  @Test
  void aDeletedManifestIsGoneWithTheTagsThatPointToIt() {
    String digest = push("del/man", "a", "deleted");
    push("del/man", "b", "deleted");
    push("del/man", "other", "kept");
    for (String reference : new String[] {"a", "b", "other", digest}) {
      pullTwice("/v2/del/man/manifests/" + reference);
    }

    assertThat(registry.delete("/v2/del/man/manifests/" + digest).statusCode()).isEqualTo(202);

    for (String reference : new String[] {"a", "b", digest}) {
      assertGone("/v2/del/man/manifests/" + reference, "MANIFEST_UNKNOWN");
    }
    pullTwice("/v2/del/man/manifests/other");
    assertThat(json(registry.get("/v2/del/man/tags/list")).path("tags").toString())
        .isEqualTo("[\"other\"]");
  }

  @Test
  void aDeletedManifestStaysInOtherRepositories() {
    String digest = push("del/man/one", "a", "shared");
    push("del/man/two", "a", "shared");
    pullTwice("/v2/del/man/one/manifests/" + digest);

    registry.delete("/v2/del/man/one/manifests/" + digest);

    assertGone("/v2/del/man/one/manifests/" + digest, "MANIFEST_UNKNOWN");
    pullTwice("/v2/del/man/two/manifests/" + digest);
    pullTwice("/v2/del/man/two/manifests/a");
  }

  @Test
  void aDeletedManifestMayBePushedAgain() {
    String digest = push("del/again", "a", "again");
    pullTwice("/v2/del/again/manifests/a");
    registry.delete("/v2/del/again/manifests/" + digest);

    push("del/again", "a", "again");

    pullTwice("/v2/del/again/manifests/a");
  }

  @Test
  void aRepositoryIsGoneWithItsLastManifest() {
    String digest = push("del/last", "a", "last");

    registry.delete("/v2/del/last/manifests/" + digest);

    assertError(registry.get("/v2/del/last/tags/list"), 404, "NAME_UNKNOWN");
    assertThat(json(registry.get("/v2/_catalog")).path("repositories").toString())
        .doesNotContain("del/last");
  }

  /** Small blobs are kept in memory, large ones as open files. */
  @ParameterizedTest
  @ValueSource(ints = {10, 100_000})
  void aDeletedBlobIsGoneAndStaysInOtherRepositories(int size) {
    byte[] blob = new byte[size];
    String path = "/blobs/" + registry.pushBlob("del/one", blob);
    registry.pushBlob("del/two", blob);
    pullTwice("/v2/del/one" + path);
    pullTwice("/v2/del/two" + path);

    assertThat(registry.delete("/v2/del/one" + path).statusCode()).isEqualTo(202);

    assertGone("/v2/del/one" + path, "BLOB_UNKNOWN");
    pullTwice("/v2/del/two" + path);
    assertThat(
            registry
                .post("/v2/del/three/blobs/uploads/?from=del/one&mount=" + sha256(blob))
                .statusCode())
        .isEqualTo(202);
    registry.pushBlob("del/one", blob);
    pullTwice("/v2/del/one" + path);
  }

  @Test
  void aBlobStaysWhenAManifestThatNamesItIsDeleted() {
    String blob = registry.pushBlob("del/named", "{}".getBytes(UTF_8));
    String digest = push("del/named", "a", "names the empty blob");

    registry.delete("/v2/del/named/manifests/" + digest);

    pullTwice("/v2/del/named/blobs/" + blob);
  }

  @Test
  void whatIsNotThereCannotBeDeleted() {
    String digest = push("del/there", "a", "there");

    assertError(registry.delete("/v2/del/there/blobs/" + ABSENT), 404, "BLOB_UNKNOWN");
    assertError(registry.delete("/v2/del/there/blobs/" + digest), 404, "BLOB_UNKNOWN");
    assertError(registry.delete("/v2/del/there/manifests/" + ABSENT), 404, "MANIFEST_UNKNOWN");
    assertError(registry.delete("/v2/del/there/manifests/b"), 404, "MANIFEST_UNKNOWN");
    assertError(registry.delete("/v2/del/nowhere/manifests/a"), 404, "MANIFEST_UNKNOWN");
    assertError(registry.delete("/v2/del/nowhere/manifests/" + digest), 404, "MANIFEST_UNKNOWN");
    pullTwice("/v2/del/there/manifests/a");
  }

  private static void pullTwice(String path) {
    assertThat(registry.get(path).statusCode()).isEqualTo(200);
    assertThat(registry.get(path).statusCode()).isEqualTo(200);
    assertThat(registry.head(path).statusCode()).isEqualTo(200);
  }

  private static void assertGone(String path, String code) {
    assertError(registry.get(path), 404, code);
    assertThat(registry.head(path).statusCode()).isEqualTo(404);
    assertError(registry.delete(path), 404, code);
  }

  private static String push(String repository, String tag, String note) {
    return registry.pushManifest(repository, tag, OCI_IMAGE, image(field("note", note)));
  }
}
