package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Digest;
import dev.cistern.oci.RepositoryName;
import dev.cistern.oci.Tag;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KeysTest {
  private static final RepositoryName NAME = new RepositoryName("a/b");

  @ParameterizedTest
  @EnumSource
  void digestsAreReadBackFromKeys(Digest.Algorithm algorithm) {
    Digest digest = Digest.of(algorithm, "content".getBytes(UTF_8));
    Digest subject = Digest.of(Digest.Algorithm.SHA512, "subject".getBytes(UTF_8));

    assertThat(Keys.digestAfter(1, Keys.blob(digest))).isEqualTo(digest);
    assertThat(Keys.digestAfter(1, Keys.manifest(digest))).isEqualTo(digest);
    byte[] links = Keys.manifestLinks(NAME);
    assertThat(Keys.digestAfter(links.length, Keys.blobLink(NAME, digest))).isEqualTo(digest);
    assertThat(Keys.digestAfter(links.length, Keys.manifestLink(NAME, digest))).isEqualTo(digest);
    byte[] referrers = Keys.referrers(NAME, subject);
    assertThat(Keys.digestAfter(referrers.length, Keys.referrer(NAME, subject, digest)))
        .isEqualTo(digest);
    assertThat(Keys.algorithm(Keys.code(algorithm))).isEqualTo(algorithm);
  }

  @Test
  void namesAreReadBackFromKeys() {
    assertThat(Keys.textAfter(Keys.tags(NAME).length, Keys.tag(NAME, new Tag("v1"))))
        .isEqualTo("v1");
    assertThat(Keys.textAfter(Keys.repositories().length, Keys.repository(NAME))).isEqualTo("a/b");
    assertThat(Keys.textAfter(Keys.uploads().length, Keys.upload("0123"))).isEqualTo("0123");
  }

  @Test
  void keysAreOrderedAsNamesAreByBytes() {
    List<String> names = List.of("a", "a-b", "a.b", "a/b", "a0", "a_b", "aa", "b", "quay.io/x");
    var keys = new ArrayList<>(names.reversed().stream().map(KeysTest::repository).toList());

    keys.sort(Arrays::compareUnsigned);

    assertThat(keys.stream().map(key -> Keys.textAfter(1, key))).containsExactlyElementsOf(names);
    assertThat(names).isSortedAccordingTo(Comparator.naturalOrder());
  }

  @Test
  void noKeyOfOneRepositoryStartsWithThePrefixOfAnother() {
    for (String other : List.of("a", "a/b/c", "a/b-c", "a/bc", "a/b0")) {
      var name = new RepositoryName(other);
      Digest digest = Digest.of(new byte[0]);

      assertThat(startsWith(Keys.tag(name, new Tag("b")), Keys.tags(NAME))).isFalse();
      assertThat(startsWith(Keys.manifestLink(name, digest), Keys.manifestLinks(NAME))).isFalse();
      assertThat(startsWith(Keys.referrer(name, digest, digest), Keys.referrers(NAME, digest)))
          .isFalse();
    }
  }

  @Test
  void anAlgorithmThatIsNotKnownIsRefused() {
    assertThatThrownBy(() -> Keys.algorithm((byte) 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2");
  }

  private static byte[] repository(String name) {
    return Keys.repository(new RepositoryName(name));
  }

  private static boolean startsWith(byte[] key, byte[] prefix) {
    return key.length >= prefix.length
        && Arrays.equals(key, 0, prefix.length, prefix, 0, prefix.length);
  }
}
