package dev.cistern.mirror.upstream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Timeout;

/**
 * No header WWW-Authenticate makes an exception, and a challenge that is written is read as the
 * same.
 */
class ChallengeFuzzTest {
  private static final int LONGEST_TO_WRITE = 1 << 10;

  @FuzzTest
  @Timeout(60)
  void headers(byte[] input) {
    String header = new String(input, UTF_8);
    Challenge challenge = Challenge.parse(header);

    assertThat(challenge.parameters().keySet()).noneMatch(String::isEmpty);
    assertThat(Challenge.choose(List.of(header), challenge.scheme())).contains(challenge);
    if (header.length() <= LONGEST_TO_WRITE && !challenge.parameters().isEmpty()) {
      assertThat(Challenge.parse(written(challenge))).isEqualTo(challenge);
    }
  }

  private static String written(Challenge challenge) {
    return challenge.parameters().entrySet().stream()
        .map(parameter -> parameter.getKey() + "=\"" + escaped(parameter.getValue()) + "\"")
        .collect(Collectors.joining(", ", challenge.scheme() + " ", ""));
  }

  private static String escaped(String value) {
    return value.replace("\\", "\\\\").replace("\"", "\\\"");
  }
}
