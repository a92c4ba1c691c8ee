package dev.cistern.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.Optional;
import java.util.function.Function;
import org.junit.jupiter.api.Timeout;

/**
 * Whatever comes from outside becomes a value or an {@link OciException}, and nothing else. A value
 * that is written is read as the same value.
 */
class ValuesFuzzTest {
  @FuzzTest
  @Timeout(60)
  void manifests(byte[] input) {
    try {
      Manifest manifest = Manifest.parse(input, Optional.empty());
      assertThat(manifest.blobs()).allMatch(blob -> blob.size() >= 0);
      assertThat(manifest.children()).allMatch(child -> child.size() >= 0);
      assertThat(Manifest.parse(input, Optional.of(manifest.mediaType()))).isEqualTo(manifest);
    } catch (OciException refused) {
      assertThat(refused.message()).matches("[ -~]*");
    }
  }

  @FuzzTest
  @Timeout(60)
  void names(byte[] input) {
    String text = new String(input, UTF_8);
    isStable(text, RepositoryName::new);
    isStable(text, Tag::new);
    isStable(text, Digest::parse);
    isStable(text, Reference::parse);
    isStable(text, ImageReference::parse);
    isStable(text, MediaType::parse);
  }

  private static <T> void isStable(String text, Function<String, T> parser) {
    T value;
    try {
      value = parser.apply(text);
    } catch (OciException refused) {
      assertThat(refused.message()).matches("[ -~]*");
      return;
    }
    assertThat(parser.apply(value.toString())).isEqualTo(value);
  }
}
