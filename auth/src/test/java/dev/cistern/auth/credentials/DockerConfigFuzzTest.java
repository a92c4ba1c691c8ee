package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.SplittableRandom;
import java.util.StringJoiner;
import java.util.stream.LongStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Random files, most of them nearly right: reading one either works or is refused with a {@link
 * CredentialsException}, and so is every question to it. Each seed is {@link #ROUNDS} files; {@code
 * -Dcistern.schedules} says how many seeds.
 */
class DockerConfigFuzzTest {
  private static final int ROUNDS = 500;
  private static final String SECRET = "s3cret";
  private static final String[] KEYS = {
    "h.io",
    "h.io/a",
    "https://h.io/v1/",
    "*.io",
    "*.*:*",
    "[::1]:5",
    "@",
    "u:p@h",
    "",
    "/",
    "docker.io",
    "ß*",
    "\\u0000",
    "a*b*c",
    "]",
    ":"
  };
  private static final String[] VALUES = {
    "{\"auth\":\"YTpi\"}",
    "{\"auth\":\"czNjcmV0\"}",
    "{\"auth\":\"s3cret!\"}",
    "{\"auth\":{\"s3cret\":1e999}}",
    "{\"username\":\"u\",\"password\":\"s3cret\"}",
    "{\"identitytoken\":\"s3cret\"}",
    "{\"password\":[\"s3cret\"]}",
    "\"s3cret value\"",
    "\"none\"",
    "null",
    "{}"
  };
  private static final String[] ROOTS = {
    "{\"auths\":{%s}}",
    "{\"auths\":{%s},\"credsStore\":\"none\"}",
    "{\"auths\":{},\"credHelpers\":{%s}}",
    "{%s}",
    "{\"credsStore\":{%s}}",
    "{\"auths\":[{%s}]}"
  };
  private static final String[] PIECES = {
    "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "\ufeff", "\u0000", "ü"
  };
  private static final String[] HOSTS = {
    "h.io", "h.io:80", "[::1]", "[::1]:5", "", "*", ":", "]", "a.b.c", "docker.io", "ß", "@", "/"
  };
  private static final Programs NONE = Programs.of("", Duration.ofSeconds(1), () -> 0);

  static LongStream seeds() {
    return LongStream.rangeClosed(1, Long.getLong("cistern.schedules", 24));
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void onlyTheDocumentedExceptionComesOutAndNoSecretInIt(long seed) {
    var random = new SplittableRandom(seed);
    int read = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] file = file(random);
      String what = "seed " + seed + ", round " + round + ": " + new String(file, UTF_8);
      try {
        DockerConfig config = DockerConfig.parse(file, "f.json", NONE);
        assertThat(config.problems()).as(what).noneMatch(text -> text.contains(SECRET));
        read++;
        ask(config, random);
      } catch (CredentialsException e) {
        assertThat(e).as(what).hasMessageStartingWith("f.json: ").hasMessageNotContaining(SECRET);
      } catch (RuntimeException e) {
        throw new AssertionError(what, e);
      }
      try {
        byte[] after = DockerConfig.withLogin(file, "new.io", "u", "p");
        assertThat(
                DockerConfig.parse(after, "f.json", NONE).entry("new.io", "a").orElseThrow().key())
            .as(what)
            .isEqualTo("new.io");
      } catch (CredentialsException e) {
        assertThat(e).as(what).hasMessageNotContaining(SECRET);
      } catch (RuntimeException e) {
        throw new AssertionError(what, e);
      }
    }
    assertThat(read).as("seed " + seed).isBetween(ROUNDS / 20, ROUNDS * 19 / 20);
  }

  private static void ask(Keyring keyring, SplittableRandom random) {
    for (String host : HOSTS) {
      String repository = random.nextBoolean() ? "a/b" : "";
      keyring
          .entryFor(host, repository, random.nextBoolean())
          .ifPresent(entry -> assertThat(entry.file()).isEqualTo("f.json"));
    }
  }

  private static byte[] file(SplittableRandom random) {
    var entries = new StringJoiner(",");
    for (int count = random.nextInt(6); count > 0; count--) {
      entries.add("\"" + one(KEYS, random) + "\":" + one(VALUES, random));
    }
    var text = new StringBuilder(one(ROOTS, random).formatted(entries));
    if (random.nextInt(3) == 0) {
      text.insert(random.nextInt(text.length()), one(PIECES, random));
    }
    byte[] bytes = text.toString().getBytes(random.nextInt(20) == 0 ? ISO_8859_1 : UTF_8);
    if (random.nextInt(5) == 0) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
    }
    return bytes;
  }

  private static String one(String[] choices, SplittableRandom random) {
    return choices[random.nextInt(choices.length)];
  }
}
