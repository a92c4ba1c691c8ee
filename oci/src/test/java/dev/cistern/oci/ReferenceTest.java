package dev.cistern.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ReferenceTest {
  @Test
  void aTextWithAColonIsADigest() {
    Digest digest = Digest.of(new byte[0]);

    assertThat(Reference.parse(digest.toString())).isEqualTo(digest);
  }

  @Test
  void aTextWithoutAColonIsATag() {
    assertThat(Reference.parse("latest")).isEqualTo(new Tag("latest"));
    assertThat(Reference.parse("sha256-00.sig")).isEqualTo(new Tag("sha256-00.sig"));
  }

  @Test
  void whatIsNeitherIsRefusedAsWhatItLooksLike() {
    assertThatThrownBy(() -> Reference.parse("sha256:00"))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DIGEST_INVALID));
    assertThatThrownBy(() -> Reference.parse("-latest"))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TAG_INVALID));
  }
}
