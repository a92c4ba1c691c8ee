package dev.cistern.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.oci.Descriptor;
import dev.cistern.oci.Digest;
import dev.cistern.oci.MediaType;
import dev.cistern.oci.RepositoryName;
import dev.cistern.storage.Facts.BlobFact;
import dev.cistern.storage.Facts.LinkFact;
import dev.cistern.storage.Facts.ManifestFact;
import dev.cistern.storage.Facts.TagFact;
import dev.cistern.storage.Facts.UploadFact;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FactsTest {
  private static final Instant FIRST = Instant.ofEpochMilli(1_763_000_000_123L);
  private static final Instant LAST = Instant.ofEpochMilli(-1);
  private static final Digest DIGEST = Digest.of("content".getBytes(UTF_8));

  @Test
  void blobsAreReadAsTheyWereWritten() {
    var fact = new BlobFact(Long.MAX_VALUE, FIRST, LAST);

    assertThat(BlobFact.decode(fact.encoded())).isEqualTo(fact);
  }

  @Test
  void manifestsAreReadByteForByte() {
    var fact = new ManifestFact(MediaType.DOCKER_LIST, FIRST, LAST, new byte[] {0, -1, 127, -128});

    assertThat(ManifestFact.decode(fact.encoded())).usingRecursiveComparison().isEqualTo(fact);
  }

  @ParameterizedTest
  @EnumSource
  void linksAndTagsKeepTheirOrigin(Origin origin) {
    var link = new LinkFact(origin, LAST);
    var tag = new TagFact(Digest.of(Digest.Algorithm.SHA512, new byte[0]), origin, FIRST);

    assertThat(LinkFact.decode(link.encoded())).isEqualTo(link);
    assertThat(TagFact.decode(tag.encoded())).isEqualTo(tag);
  }

  @Test
  void linksOfTheFirstVersionHadNoTime() {
    assertThat(LinkFact.decode(new byte[] {1, 0}))
        .isEqualTo(new LinkFact(Origin.PUSHED, Instant.EPOCH));
    assertThat(LinkFact.decode(new byte[] {1, 1}))
        .isEqualTo(new LinkFact(Origin.CACHED, Instant.EPOCH));
  }

  @ParameterizedTest
  @EnumSource
  void uploadsKeepTheirAlgorithm(Digest.Algorithm algorithm) {
    var fact = new UploadFact(new RepositoryName("quay.io/a"), algorithm, FIRST, "somebody");

    assertThat(UploadFact.decode(fact.encoded())).isEqualTo(fact);
  }

  @Test
  void referrersAreReadAsTheyWereWrittenHoweverLongTheirTexts() {
    var full =
        new Descriptor(
            MediaType.OCI_IMAGE,
            DIGEST,
            7,
            Optional.of("not checked, may be anything: \u00e4\ud83d\udc0b"),
            Map.of("a", "x".repeat(100_000), "b", "", "\u0000", "\u20ac"),
            Optional.empty());
    var bare =
        new Descriptor(
            MediaType.OCI_INDEX, DIGEST, 0, Optional.empty(), Map.of(), Optional.empty());

    assertThat(Facts.decodeReferrer(DIGEST, Facts.encodeReferrer(full))).isEqualTo(full);
    assertThat(Facts.decodeReferrer(DIGEST, Facts.encodeReferrer(bare))).isEqualTo(bare);
  }

  @Test
  void whatANewerVersionWroteIsRefusedByName() {
    byte[] value = new BlobFact(1, FIRST, LAST).encoded();
    value[0] = 2;

    assertThatThrownBy(() -> BlobFact.decode(value))
        .isInstanceOf(UncheckedIOException.class)
        .hasMessage("the index holds a value that cannot be read")
        .hasRootCauseMessage("a newer Cistern wrote it, version 2");
  }

  @Test
  void aValueThatWasCutIsRefused() {
    byte[] value = new TagFact(DIGEST, Origin.PUSHED, FIRST).encoded();

    for (int length = 0; length < value.length; length++) {
      byte[] cut = Arrays.copyOf(value, length);
      assertThatThrownBy(() -> TagFact.decode(cut)).isInstanceOf(UncheckedIOException.class);
    }
  }
}
