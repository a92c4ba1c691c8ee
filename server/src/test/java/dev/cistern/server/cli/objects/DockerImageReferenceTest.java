package dev.cistern.server.cli.objects;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DockerImageReferenceTest {
  private static final String DIGEST = "sha256:" + "a".repeat(64);

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a | '' | '' | a | ''",
        "a:b | '' | '' | a | b",
        "ns/a:b | '' | ns | a | b",
        "x/y/z | '' | x | y/z | ''",
        "r.io/a | r.io | '' | a | ''",
        "r.io/ns/a:b | r.io | ns | a | b",
        "localhost/a:b | localhost | '' | a | b",
        "127.0.0.1:5000/x/y/z:b | 127.0.0.1:5000 | x | y/z | b",
      })
  void theFirstComponentIsARegistryIfItLooksLikeAHost(
      String text, String registry, String namespace, String name, String tag) {
    DockerImageReference reference = DockerImageReference.parse(text);
    assertThat(reference).isEqualTo(new DockerImageReference(registry, namespace, name, tag, ""));
    assertThat(reference.exact()).isEqualTo(text);
  }

  @Test
  void aDigestCountsMoreThanATag() {
    DockerImageReference reference = DockerImageReference.parse("ns/a:b@" + DIGEST);
    assertThat(reference.digest()).isEqualTo(DIGEST);
    assertThat(reference.exact()).isEqualTo("ns/a@" + DIGEST);
    assertThat(DockerImageReference.parse("ns/a:b").withDigest(DIGEST).nameString())
        .isEqualTo("a@" + DIGEST);
  }

  @ParameterizedTest
  @CsvSource({
    "'',repository name must have at least one component",
    "A,repository name must be lowercase",
    "a:,invalid reference format",
    "a@sha256:12,invalid reference format",
    "-a,invalid reference format",
  })
  void othersAreRefused(String text, String complaint) {
    assertThatThrownBy(() -> DockerImageReference.parse(text))
        .isInstanceOf(ObjectException.class)
        .hasMessage(complaint);
  }
}
