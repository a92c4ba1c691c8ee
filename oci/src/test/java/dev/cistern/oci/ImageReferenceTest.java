package dev.cistern.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageReferenceTest {
  private static final Digest DIGEST = Digest.of(new byte[0]);

  @ParameterizedTest
  @CsvSource({
    "app,                          , app,             latest",
    "app:v1,                       , app,             v1",
    "quay.io/org/app:v1,           , quay.io/org/app, v1",
    "host.example:5000/org/app:v1, host.example:5000, org/app, v1",
    "host.example:5000/app,        host.example:5000, app,     latest"
  })
  void namesAndTags(String text, String host, String repository, String tag) {
    assertThat(ImageReference.parse(text))
        .isEqualTo(
            new ImageReference(
                Optional.ofNullable(host), new RepositoryName(repository), new Tag(tag)));
  }

  @Test
  void aDigestCountsMoreThanATag() {
    assertThat(ImageReference.parse("app@" + DIGEST).reference()).isEqualTo(DIGEST);
    assertThat(ImageReference.parse("app:v1@" + DIGEST).reference()).isEqualTo(DIGEST);
    assertThat(ImageReference.parse("app:v1@" + DIGEST)).hasToString("app@" + DIGEST);
    assertThat(ImageReference.parse("a.example:1/app")).hasToString("a.example:1/app:latest");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "App", "app:", "app@sha256:12", "app:v1:v2", "a b", "/app", "h:5000/"})
  void othersAreRefused(String text) {
    assertThatThrownBy(() -> ImageReference.parse(text)).isInstanceOf(OciException.class);
  }
}
