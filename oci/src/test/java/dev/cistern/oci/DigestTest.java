package dev.cistern.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class DigestTest {
  private static final String EMPTY_SHA256 =
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  private static final String EMPTY_SHA512 =
      "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
          + "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";

  @Test
  void theDigestOfNothingIsTheKnownOne() {
    assertThat(Digest.of(new byte[0])).hasToString(EMPTY_SHA256);
    assertThat(Digest.of(Digest.Algorithm.SHA512, new byte[0])).hasToString(EMPTY_SHA512);
  }

  @ParameterizedTest
  @ValueSource(strings = {EMPTY_SHA256, EMPTY_SHA512})
  void whatIsParsedIsWrittenTheSame(String text) {
    Digest digest = Digest.parse(text);

    assertThat(digest).hasToString(text);
    assertThat(Digest.ofHash(digest.algorithm(), digest.hash())).isEqualTo(digest);
  }

  @ParameterizedTest
  @EnumSource
  void aHashHasTheLengthOfItsAlgorithm(Digest.Algorithm algorithm) {
    Digest digest = Digest.of(algorithm, "content".getBytes(UTF_8));

    assertThat(digest.hash()).hasSize(algorithm.length());
    assertThat(Digest.Algorithm.parse(algorithm.toString())).isEqualTo(algorithm);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256:00",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555",
        "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256: 3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha384:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "md5:d41d8cd98f00b204e9800998ecf8427e"
      })
  void whatIsNoDigestIsRefused(String text) {
    assertThatThrownBy(() -> Digest.parse(text))
        .isInstanceOfSatisfying(
            OciException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.DIGEST_INVALID);
              assertThat(e.advice()).isPresent();
            });
  }
}
