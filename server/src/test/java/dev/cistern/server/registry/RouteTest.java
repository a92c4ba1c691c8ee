package dev.cistern.server.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.ErrorCode;
import dev.cistern.oci.OciException;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RouteTest {
  private static final Digest EMPTY = Digest.of(new byte[0]);
  private static final String ID = "0123456789abcdef0123456789abcdef";

  @Test
  void blobByDigest() {
    assertThat(Route.parse("/v2/library/alpine/blobs/" + EMPTY))
        .isEqualTo(new Route.Blob(new RepositoryName("library/alpine"), EMPTY));
  }

  @Test
  void colonOfADigestMayBeEscaped() {
    assertThat(Route.parse("/v2/a/manifests/sha256%3A" + EMPTY.hex()))
        .isEqualTo(new Route.Manifest(new RepositoryName("a"), EMPTY));
  }

  @Test
  void repositoryMayContainTheWordsOfEndpoints() {
    assertThat(Route.parse("/v2/a/blobs/b/manifests/latest"))
        .isEqualTo(new Route.Manifest(new RepositoryName("a/blobs/b"), new Tag("latest")));
    assertThat(Route.parse("/v2/tags/list/tags/list"))
        .isEqualTo(new Route.Tags(new RepositoryName("tags/list")));
    assertThat(Route.parse("/v2/blobs/uploads/blobs/uploads/" + ID))
        .isEqualTo(new Route.UploadSession(new RepositoryName("blobs/uploads"), ID));
  }

  @Test
  void uploadsWithAndWithoutTheLastSlash() {
    var uploads = new Route.Uploads(new RepositoryName("a/b"));

    assertThat(Route.parse("/v2/a/b/blobs/uploads/")).isEqualTo(uploads);
    assertThat(Route.parse("/v2/a/b/blobs/uploads")).isEqualTo(uploads);
  }

  @Test
  void pingAndCatalog() {
    assertThat(Route.parse("/v2/")).isEqualTo(new Route.Ping());
    assertThat(Route.parse("/v2")).isEqualTo(new Route.Ping());
    assertThat(Route.parse("/v2/_catalog")).isEqualTo(new Route.Catalog());
  }

  @ParameterizedTest
  @CsvSource({
    "/v2/UPPER/manifests/latest,     NAME_INVALID",
    "/v2/a%2fb/manifests/latest,     NAME_INVALID",
    "/v2/../etc/manifests/latest,    NAME_INVALID",
    "/v2/blobs/uploads/,             NAME_INVALID",
    "/v2//manifests/latest,          NAME_INVALID",
    "/v2/a/blobs/sha256:00,          DIGEST_INVALID",
    "/v2/a/blobs/latest,             DIGEST_INVALID",
    "/v2/a/blobs/md5:00,             DIGEST_INVALID",
    "/v2/a/manifests/-bad,           TAG_INVALID",
    "/v2/a/manifests/%2e%2e,         TAG_INVALID",
    "/v2/a/referrers/latest,         DIGEST_INVALID",
    "/v2/a/blobs/uploads/1234,       BLOB_UPLOAD_UNKNOWN",
    "/v2/a/tags/lists,               UNSUPPORTED",
    "/v2/blobs,                      UNSUPPORTED",
    "/etc/passwd,                    UNSUPPORTED"
  })
  void rejects(String path, ErrorCode code) {
    assertThatThrownBy(() -> Route.parse(path))
        .isInstanceOfSatisfying(OciException.class, e -> assertThat(e.code()).isEqualTo(code));
  }
}
