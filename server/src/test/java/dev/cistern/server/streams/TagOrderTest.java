package dev.cistern.server.streams;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TagOrderTest {
  private static final List<String> ORDERED =
      List.of(
          "latest",
          "10.0",
          "v9.1",
          "1.10",
          "1.9",
          "1.9-rc1",
          "v0.1",
          "10.0.0",
          "v2.0.0",
          "2.0.0-rc.2",
          "2.0.0-rc.1.x",
          "2.0.0-rc.1",
          "2.0.0-rc",
          "2.0.0-beta",
          "2.0.0-11",
          "2.0.0-2",
          "1.10.1",
          "1.9.100",
          "1.9.20",
          "1.9.3",
          "1",
          "1.02",
          "1.2.3.4",
          "1.2.3_4",
          "Alpine",
          "Latest",
          "alpine",
          "v1",
          "v1.x",
          "vv1.2");

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void latestThenMinorVersionsThenFullOnesThenTheOthers(long seed) {
    var shuffled = new ArrayList<>(ORDERED);
    Collections.shuffle(shuffled, new Random(seed));

    assertThat(TagOrder.sorted(shuffled)).containsExactlyElementsOf(ORDERED);
  }

  @Test
  void sameVersionsAreInTheOrderOfTheirNames() {
    assertThat(TagOrder.sorted(List.of("v1.2", "1.2", "1.2.0", "v1.2.0")))
        .containsExactly("1.2", "v1.2", "1.2.0", "v1.2.0");
  }

  @Test
  void numbersMayBeLong() {
    String nines = "9".repeat(60);

    assertThat(TagOrder.sorted(List.of("1.2", "1." + nines, "1.1" + nines)))
        .containsExactly("1.1" + nines, "1." + nines, "1.2");
  }

  @Test
  void nothingIsNothing() {
    assertThat(TagOrder.sorted(List.of())).isEmpty();
  }
}
