package dev.cistern.oci;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ManifestWalkTest {
  private static Digest digest(int number) {
    return Digest.of(("manifest " + number).getBytes(US_ASCII));
  }

  /** Walks a graph whose node 0 leads to the others; returns how many were visited. */
  private static int walk(int manifests, int levels, long bytes) {
    var visited = new int[1];
    ManifestWalk.<RuntimeException>from(
        digest(0),
        (manifest, level) -> {
          visited[0]++;
          if (level == 1) { // a chain and, beside it, single manifests
            List<Integer> next = new ArrayList<>(List.of(1));
            IntStream.range(levels, manifests).forEach(next::add);
            return new ManifestWalk.Visit(
                bytes, next.stream().map(ManifestWalkTest::digest).toList());
          }
          return level < levels
              ? new ManifestWalk.Visit(0, List.of(digest(level)))
              : ManifestWalk.Visit.NOTHING;
        });
    return visited[0];
  }

  @ParameterizedTest
  @CsvSource({"10000, 2, 0", "33, 32, 0", "3, 2, 67108864", "10000, 32, 67108864"})
  void aWalkAtItsBoundsEnds(int manifests, int levels, long bytes) {
    int others = Math.max(0, manifests - levels);
    assertThat(walk(manifests, levels, bytes)).isPositive().isGreaterThanOrEqualTo(others);
  }

  @ParameterizedTest
  @CsvSource({
    "10001, 2, 0, '10001 manifests, at most 10000 are followed'",
    "34, 33, 0, '33 levels of manifests, at most 32 are followed'",
    "3, 2, 67108865, '67108865 bytes of manifests, at most 67108864 are followed'"
  })
  void aWalkBeyondABoundIsRefusedWithTheNumberAndTheLimit(
      int manifests, int levels, long bytes, String message) {
    assertThatThrownBy(() -> walk(manifests, levels, bytes))
        .isInstanceOfSatisfying(
            OciException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.MANIFEST_INVALID))
        .hasMessage("manifest invalid: it leads to " + message);
  }

  @Test
  void eachManifestIsVisitedOnceHoweverOftenItIsNamed() {
    var visited = new ArrayList<Digest>();
    ManifestWalk.<RuntimeException>from(
        digest(0),
        (manifest, level) -> {
          visited.add(manifest);
          return level < 20
              ? new ManifestWalk.Visit(1_000, Collections.nCopies(100, digest(level)))
              : ManifestWalk.Visit.NOTHING;
        });

    assertThat(visited)
        .containsExactlyElementsOf(
            IntStream.range(0, 20).mapToObj(ManifestWalkTest::digest).toList());
  }

  @Test
  void manifestsThatLeadToEachOtherEnd() {
    var visited = new ArrayList<Digest>();
    ManifestWalk.<RuntimeException>from(
        List.of(digest(0), digest(1)),
        (manifest, level) -> {
          visited.add(manifest);
          return new ManifestWalk.Visit(1, List.of(digest(0), digest(1), digest(2)));
        });

    assertThat(visited).containsExactly(digest(0), digest(1), digest(2));
  }
}
