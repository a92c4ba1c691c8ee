package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PullSecretTest {
  private static final byte[] NEW = "{\"auths\":{\"h.io\":{\"auth\":\"YTpi\"}}}".getBytes(UTF_8);
  private static final byte[] OLD = "{\"h.io\":{\"auth\":\"YTpi\"}}".getBytes(UTF_8);

  @ParameterizedTest
  @CsvSource({
    "kubernetes.io/dockerconfigjson, .dockerconfigjson",
    "kubernetes.io/podmanconfigjson, auth.json",
    "kubernetes.io/podmanconfigjson, .dockerconfigjson",
    "kubernetes.io/podmanconfigjson, .podmanconfigjson"
  })
  void secretsAreReadAsTheyAre(String type, String key) {
    assertThat(
            PullSecret.of(type, Map.of(key, NEW, "other", OLD), "secret ns/name").entry("h.io", ""))
        .contains(new Keyring.Entry("secret ns/name", "h.io", new Credentials("a", "b", "")));
  }

  @Test
  void theOldFormatIsReadToo() {
    assertThat(
            PullSecret.of("kubernetes.io/dockercfg", Map.of(".dockercfg", OLD), "secret ns/name")
                .find("h.io", ""))
        .contains(new Credentials("a", "b", ""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"Opaque", "kubernetes.io/basic-auth", ""})
  void otherTypesAreNoPullSecrets(String type) {
    assertThat(PullSecret.isPullSecret(type)).isFalse();
    assertThatThrownBy(() -> PullSecret.of(type, Map.of(), "secret ns/name"))
        .isInstanceOf(CredentialsException.class)
        .hasMessage(
            "secret ns/name: type "
                + (type.isEmpty() ? "(none)" : type)
                + " is no pull secret; it would be one of kubernetes.io/dockercfg,"
                + " kubernetes.io/dockerconfigjson, kubernetes.io/podmanconfigjson");
  }

  @Test
  void aMissingKeyIsAClearError() {
    assertThat(PullSecret.isPullSecret("kubernetes.io/dockerconfigjson")).isTrue();
    assertThatThrownBy(() ->
            PullSecret.of(
                "kubernetes.io/dockerconfigjson",
                Map.of(".dockercfg", OLD, "a", OLD),
                "secret ns/name"))
        .hasMessage(
            "secret ns/name: type kubernetes.io/dockerconfigjson needs the key .dockerconfigjson in"
                + " data; it has .dockercfg, a");
    assertThatThrownBy(() -> PullSecret.of("kubernetes.io/dockercfg", Map.of(), "secret ns/name"))
        .hasMessage(
            "secret ns/name: type kubernetes.io/dockercfg needs the key .dockercfg in data; it has"
                + " no data");
  }

  @Test
  void whatIsNoJsonIsNamed() {
    assertThatThrownBy(() ->
            PullSecret.of(
                "kubernetes.io/dockercfg",
                Map.of(".dockercfg", "s3cret".getBytes(UTF_8)),
                "secret ns/name"))
        .hasMessageStartingWith("secret ns/name: not JSON")
        .hasMessageNotContaining("s3cret");
  }
}
