package dev.cistern.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MediaTypeTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "application/vnd.oci.image.manifest.v1+json",
        "Application/Vnd.OCI.image.manifest.v1+JSON",
        " application/vnd.oci.image.manifest.v1+json ; charset=utf-8",
        "application/vnd.oci.image.manifest.v1+json;"
      })
  void aHeaderIsReadWithoutItsParametersAndCase(String header) {
    assertThat(MediaType.parse(header)).isEqualTo(MediaType.OCI_IMAGE);
  }

  @Test
  void imagesAndIndexesOfBothKindsAreManifests() {
    assertThat(MediaType.OCI_IMAGE.isImage()).isTrue();
    assertThat(MediaType.DOCKER_IMAGE.isImage()).isTrue();
    assertThat(MediaType.OCI_INDEX.isIndex()).isTrue();
    assertThat(MediaType.DOCKER_LIST.isIndex()).isTrue();
    assertThat(MediaType.OCI_IMAGE.isIndex()).isFalse();
    assertThat(MediaType.DOCKER_LIST.isImage()).isFalse();
    assertThat(MediaType.OCI_INDEX.isManifest()).isTrue();
    assertThat(MediaType.DOCKER_IMAGE.isManifest()).isTrue();
    assertThat(MediaType.JSON.isManifest()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "/", "a", "a/", "/b", "a/b/c", "a b/c", "a/b c", "-a/b", "a/b\r\nc: d", "ä/b"})
  void whatIsNoMediaTypeIsRefused(String text) {
    assertThatThrownBy(() -> MediaType.parse(text))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.MANIFEST_INVALID));
  }

  @Test
  void eachPartMayHave127CharactersAndNotOneMore() {
    String longest = "a".repeat(127);

    assertThat(MediaType.parse(longest + "/" + longest).name()).hasSize(255);
    assertThatThrownBy(() -> MediaType.parse(longest + "a/b")).isInstanceOf(OciException.class);
  }
}
