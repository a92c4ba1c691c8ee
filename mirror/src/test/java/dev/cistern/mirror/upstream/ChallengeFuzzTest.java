package dev.cistern.mirror.upstream;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random headers WWW-Authenticate, most of them nearly right: none makes an exception. Each seed is
 * {@link #ROUNDS} headers; {@code -Dcistern.schedules} says how many seeds.
 */
class ChallengeFuzzTest {
  private static final int ROUNDS = 5000;
  private static final String[] PIECES = {
    "Bearer ",
    "bearer\t",
    "Basic",
    "realm=",
    "service=",
    "scope=",
    "realm",
    "=",
    ",",
    "\"",
    "\\",
    "\\\"",
    " ",
    "https://h/token",
    "\"a\"",
    "\"https://h/t?x=1,2\"",
    "a",
    "ü",
    "\u0000",
    "$1",
    ";",
    "\\\\\\\\\\\\\\\\",
    "                ",
    "\"\""
  };

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void noHeaderMakesAnException(long seed) {
    var random = new SplittableRandom(seed);
    for (int round = 0; round < ROUNDS; round++) {
      String header = header(random);
      try {
        Challenge challenge = Challenge.parse(header);
        assertThat(challenge.parameters().keySet()).noneMatch(String::isEmpty);
        assertThat(Challenge.choose(List.of(header), challenge.scheme())).contains(challenge);
      } catch (RuntimeException e) {
        throw new AssertionError("seed " + seed + ", round " + round + ": " + header, e);
      }
    }
  }

  private static String header(SplittableRandom random) {
    var header = new StringBuilder(random.nextInt(3) == 0 ? "" : "Bearer ");
    for (int pieces = random.nextInt(30); pieces > 0; pieces--) {
      header.append(PIECES[random.nextInt(PIECES.length)]);
    }
    return header.toString();
  }
}
