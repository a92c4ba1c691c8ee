package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DockerConfigTest {
  @ParameterizedTest
  @CsvSource({
    "quay.io, a/b/c,  deep",
    "quay.io, a/b/d,  middle",
    "quay.io, a/bb,   wide",
    "quay.io, other,  wide",
    "quay.io, '',     wide",
    "ghcr.io, a,      nobody"
  })
  void theMostSpecificKeyWins(String host, String repository, String user) {
    DockerConfig config =
        parse(
            "\"quay.io/a/b/c\":" + entry("deep:1"),
            "\"quay.io/a/b\":" + entry("middle:1"),
            "\"quay.io\":" + entry("wide:1"));

    assertThat(config.find(host, repository).map(Credentials::username).orElse("nobody"))
        .isEqualTo(user);
  }

  @ParameterizedTest
  @CsvSource({
    "docker.io",
    "index.docker.io",
    "https://index.docker.io/v1/",
    "registry-1.docker.io",
    "https://registry-1.docker.io/v2/"
  })
  void allNamesOfDockerHubAreOne(String key) {
    DockerConfig config = parse("\"" + key + "\":" + entry("hub:1"));

    assertThat(config.find("docker.io", "library/alpine")).isPresent();
    assertThat(config.find("registry-1.docker.io", "library/alpine")).isPresent();
  }

  @Test
  void aKeyMayBeAUrl() {
    assertThat(parse("\"https://quay.io/v2/\":" + entry("u:1")).find("quay.io", "a")).isPresent();
  }

  @Test
  void portsAreLiteral() {
    DockerConfig config = parse("\"quay.io:8443\":" + entry("u:1"));

    assertThat(config.find("quay.io:8443", "a")).isPresent();
    assertThat(config.find("quay.io", "a")).isEmpty();
  }

  @Test
  void theFirstColonSplitsAndNulsAtTheEndAreCut() {
    Optional<Credentials> found = parse("\"a.io\":" + entry("user:pass:word\0\0")).find("a.io", "");

    assertThat(found).contains(new Credentials("user", "pass:word", ""));
  }

  @Test
  void base64MayLackItsPadding() {
    assertThat(parse("\"a.io\":{\"auth\":\"YTpi\"}").find("a.io", "")).isPresent();
    assertThat(parse("\"a.io\":{\"auth\":\"YTpiYg\"}").find("a.io", ""))
        .contains(new Credentials("a", "bb", ""));
  }

  @Test
  void authBeatsUsernameAndPassword() {
    DockerConfig config =
        parse(
            "\"a.io\":{\"auth\":\"YTpi\",\"username\":\"x\",\"password\":\"y\"}",
            "\"b.io\":{\"username\":\"x\",\"password\":\"y\"}");

    assertThat(config.find("a.io", "")).contains(new Credentials("a", "b", ""));
    assertThat(config.find("b.io", "")).contains(new Credentials("x", "y", ""));
  }

  @Test
  void anEmptyEntryIsNoEntry() {
    assertThat(parse("\"a.io\":{}").find("a.io", "")).isEmpty();
  }

  @Test
  void aSecretIsNotInItsText() {
    assertThat(new Credentials("user", "secret", "").toString())
        .contains("user")
        .doesNotContain("secret");
  }

  @Test
  void complaintsNameFileAndKey() {
    assertThatThrownBy(() -> parse("\"a.io\":{\"auth\":\"!!!\"}"))
        .isInstanceOf(CredentialsException.class)
        .hasMessage("f.json: auths.a.io.auth is not base64");
    assertThatThrownBy(() -> parse("\"a.io\":{\"auth\":\"YQ==\"}"))
        .hasMessage("f.json: auths.a.io.auth is not the base64 of user:password");
    assertThatThrownBy(() -> DockerConfig.parse("{".getBytes(UTF_8), "f.json"))
        .hasMessageStartingWith("f.json: not JSON");
    assertThatThrownBy(() -> DockerConfig.parse("{}".getBytes(UTF_8), "f.json"))
        .hasMessageStartingWith("f.json: auths is missing");
    assertThatThrownBy(() -> DockerConfig.read(Path.of("/none.json")))
        .hasMessageStartingWith("/none.json: cannot be read");
  }

  private static DockerConfig parse(String... entries) {
    String json = "{\"auths\":{" + String.join(",", entries) + "}}";
    return DockerConfig.parse(json.getBytes(UTF_8), "f.json");
  }

  private static String entry(String pair) {
    return "{\"auth\":\"" + Base64.getEncoder().encodeToString(pair.getBytes(UTF_8)) + "\"}";
  }
}
