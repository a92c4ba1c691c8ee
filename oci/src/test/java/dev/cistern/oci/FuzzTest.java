package dev.cistern.oci;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever comes from outside becomes a value or an {@link OciException}, and nothing else. */
class FuzzTest {
  private static final int ROUNDS = 5_000;
  private static final String DIGEST =
      "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  private static final List<String> MANIFESTS =
      List.of(
          """
          {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",\
          "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"D","size":2},\
          "layers":[{"mediaType":"text/plain","digest":"D","size":1234}],\
          "subject":{"mediaType":"application/json","digest":"D","size":0},\
          "annotations":{"a":"\\u00e4"}}\
          """
              .replace("\"D\"", '"' + DIGEST + '"'),
          """
          {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[\
          {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"D","size":2,\
          "platform":{"os":"linux","architecture":"arm","variant":"v7"}}],"artifactType":"a/b"}\
          """
              .replace("\"D\"", '"' + DIGEST + '"'));
  private static final List<String> NAMES =
      List.of("library/alpine", "a.b/c_d/e__f", "latest", "v1.0-rc.1", DIGEST, "text/plain; q=1");
  private static final List<String> TOKENS =
      List.of(
          "\"",
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          "null",
          "true",
          "-1",
          "1e400",
          "2",
          "0.5",
          "99999999999999999999",
          "\\u0000",
          "\"mediaType\"",
          "\"size\"",
          "\"manifests\"",
          "/",
          "\0");

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void mutatedManifestsAreParsedOrRefused(long seed) {
    var random = new SplittableRandom(seed);
    int parsed = 0;
    for (int i = 0; i < ROUNDS; i++) {
      byte[] bytes = mutated(random, MANIFESTS.get(random.nextInt(MANIFESTS.size())));
      parsed += survives(bytes, seed, input -> Manifest.parse(input, Optional.empty())) ? 1 : 0;
    }

    assertThat(parsed).as("mutants that are manifests").isBetween(1, ROUNDS - 1);
  }

  @ParameterizedTest
  @ValueSource(longs = {4, 5})
  void randomBytesAreNoManifest(long seed) {
    var random = new SplittableRandom(seed);
    for (int i = 0; i < ROUNDS; i++) {
      byte[] bytes = new byte[random.nextInt(64)];
      random.nextBytes(bytes);

      assertThat(survives(bytes, seed, input -> Manifest.parse(input, Optional.empty()))).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {6, 7})
  void mutatedNamesAreParsedOrRefused(long seed) {
    var random = new SplittableRandom(seed);
    int parsed = 0;
    for (int i = 0; i < ROUNDS; i++) {
      byte[] bytes = mutated(random, NAMES.get(random.nextInt(NAMES.size())));
      parsed += survives(bytes, seed, input -> new RepositoryName(text(input))) ? 1 : 0;
      parsed += survives(bytes, seed, input -> Reference.parse(text(input))) ? 1 : 0;
      parsed += survives(bytes, seed, input -> MediaType.parse(text(input))) ? 1 : 0;
    }

    assertThat(parsed).as("mutants that are names").isBetween(1, 3 * ROUNDS - 1);
  }

  private static boolean survives(byte[] input, long seed, Consumer<byte[]> parser) {
    try {
      parser.accept(input);
      return true;
    } catch (OciException refused) {
      assertThat(refused.message()).matches("[ -~]*");
      return false;
    } catch (RuntimeException | StackOverflowError e) {
      throw new AssertionError("seed " + seed + ", input " + text(input), e);
    }
  }

  private static String text(byte[] bytes) {
    return new String(bytes, ISO_8859_1);
  }

  /** Does one to four things to it: change, remove, insert or double a piece. */
  private static byte[] mutated(SplittableRandom random, String original) {
    String text = text(original.getBytes(UTF_8));
    for (int i = random.nextInt(4); i >= 0; i--) {
      int from = random.nextInt(text.length() + 1);
      int to = Math.min(text.length(), from + random.nextInt(12));
      String piece =
          switch (random.nextInt(4)) {
            case 0 -> Character.toString(random.nextInt(256));
            case 1 -> "";
            case 2 -> TOKENS.get(random.nextInt(TOKENS.size()));
            default -> text.substring(from, to).repeat(2);
          };
      text = text.substring(0, from) + piece + text.substring(to);
    }
    return text.getBytes(ISO_8859_1);
  }
}
