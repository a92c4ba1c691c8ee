package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Reading a file either works or is refused with a {@link CredentialsException}, and so is every
 * question to it; no message has a secret.
 */
class DockerConfigFuzzTest {
  private static final String SECRET = "s3cret";
  private static final List<String> HOSTS =
      List.of(
          "h.io",
          "h.io:80",
          "[::1]",
          "[::1]:5",
          "",
          "*",
          ":",
          "]",
          "a.b.c",
          "docker.io",
          "ß",
          "@",
          "/");
  private static final Programs NONE = Programs.of("", Duration.ofSeconds(1), () -> 0);

  @FuzzTest
  @Timeout(60)
  void files(byte[] file) {
    boolean isSecret = isSecretNowhereButInValues(file);
    try {
      DockerConfig config = DockerConfig.parse(file, "f.json", NONE);
      assertThat(config.problems())
          .allMatch(text -> text.startsWith("f.json: "))
          .noneMatch(text -> isSecret && text.contains(SECRET));
      for (String host : HOSTS) {
        ask(config, host);
      }
    } catch (CredentialsException e) {
      assertThat(e).hasMessageStartingWith("f.json: ");
      assertThat(isSecret && e.text().contains(SECRET)).as(e.text()).isFalse();
    }
    addsALogin(file, isSecret);
  }

  private static void ask(DockerConfig config, String host) {
    for (String repository : List.of("", "a/b")) {
      for (boolean isHttp : new boolean[] {true, false}) {
        config
            .entryFor(host, repository, isHttp)
            .ifPresent(entry -> assertThat(entry.file()).isEqualTo("f.json"));
      }
    }
  }

  private static void addsALogin(byte[] file, boolean isSecret) {
    try {
      byte[] after = DockerConfig.withLogin(file, "new.io", "u", "p");
      assertThat(DockerConfig.parse(after, "f.json", NONE).entry("new.io", "").orElseThrow().key())
          .isEqualTo("new.io");
    } catch (CredentialsException e) {
      assertThat(isSecret && e.text().contains(SECRET)).as(e.text()).isFalse();
    }
  }

  /** Says whether no key and no name of a helper has the secret, which messages may tell. */
  private static boolean isSecretNowhereButInValues(byte[] file) {
    try {
      return !isInKeys(new JsonMapper().readTree(new String(file, UTF_8)));
    } catch (RuntimeException notJson) {
      return true;
    }
  }

  private static boolean isInKeys(JsonNode node) {
    return node.properties().stream()
            .anyMatch(property ->
                property.getKey().contains(SECRET)
                    || (property.getKey().startsWith("cred")
                        && property.getValue().toString().contains(SECRET)))
        || node.valueStream().anyMatch(DockerConfigFuzzTest::isInKeys);
  }
}
