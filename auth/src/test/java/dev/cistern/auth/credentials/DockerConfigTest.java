package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DockerConfigTest {
  private static final String NOBODY = "nobody";

  @ParameterizedTest
  @CsvSource({
    "h.io, a/b/c,   deepest",
    "h.io, a/b/c/d, deepest",
    "h.io, a/b/d,   deep",
    "h.io, a/bb,    team",
    "h.io, a,       team",
    "h.io, other,   host",
    "h.io, '',      host",
    "g.io, a,       nobody"
  })
  void theMostSpecificWins(String host, String repository, String user) {
    DockerConfig config =
        parse(
            entry("h.io/a", "team:1"),
            entry("h.io/a/b/c", "deepest:1"),
            entry("h.io", "host:1"),
            entry("h.io/a/b", "deep:1"));

    assertThat(user(config, host, repository)).isEqualTo(user);
  }

  @Test
  void severalEntriesOfOneRegistry() {
    DockerConfig config =
        parse(entry("quay.io", "all:1"), entry("quay.io/repository-main", "main:1"));

    assertThat(user(config, "quay.io", "repository-main")).isEqualTo("main");
    assertThat(user(config, "quay.io", "repository-main/app")).isEqualTo("main");
    assertThat(user(config, "quay.io", "repository-other")).isEqualTo("all");
  }

  @ParameterizedTest
  @CsvSource({"team, team", "team/app, team", "team2, nobody", "teams/team, nobody", "'', nobody"})
  void aComponentBoundaryIsNeeded(String repository, String user) {
    assertThat(user(parse(entry("h.io/team", "team:1")), "h.io", repository)).isEqualTo(user);
  }

  @ParameterizedTest
  @CsvSource({
    "https://h.io, a, known",
    "https://h.io/, a, known",
    "https://h.io/v1/, a, known",
    "https://h.io/v2/, a, known",
    "http://h.io/some/path, a, known",
    "h.io/v1/, a, known",
    "H.IO, a, known",
    "https://h.io:443, a, nobody"
  })
  void ofAKeySchemeAndPathAreCut(String key, String repository, String user) {
    assertThat(user(parse(entry(key, "known:1")), "h.io", repository)).isEqualTo(user);
  }

  @Test
  void hostNormalisedKeysComeAfterThoseAsWritten() {
    DockerConfig config =
        parse(entry("https://h.io/v1/", "url:1"), entry("h.io", "host:1"), entry("h.io/a", "a:1"));

    assertThat(user(config, "h.io", "b")).isEqualTo("host");
    assertThat(user(config, "h.io", "a")).isEqualTo("a");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "docker.io",
        "index.docker.io",
        "index.docker.io/v1/",
        "https://index.docker.io/v1/",
        "registry-1.docker.io",
        "https://registry-1.docker.io/v2/"
      })
  void allNamesOfDockerHubAreOne(String key) {
    DockerConfig config = parse(entry(key, "hub:1"));

    assertThat(user(config, "docker.io", "library/alpine")).isEqualTo("hub");
    assertThat(user(config, "registry-1.docker.io", "library/alpine")).isEqualTo("hub");
    assertThat(user(config, "index.docker.io", "")).isEqualTo("hub");
    assertThat(user(config, "auth.docker.io", "")).isEqualTo(NOBODY);
  }

  @Test
  void aPathOfDockerHubIsFoundUnderAllItsNames() {
    DockerConfig config = parse(entry("docker.io/team", "team:1"), entry("docker.io", "hub:1"));

    assertThat(user(config, "registry-1.docker.io", "team/app")).isEqualTo("team");
    assertThat(user(config, "registry-1.docker.io", "library/app")).isEqualTo("hub");
  }

  @Test
  void theFirstColonSplitsAndNulsAtTheEndAreTrimmed() {
    assertThat(parse(entry("a.io", "user:pass:word\0\0")).find("a.io", ""))
        .contains(new Credentials("user", "pass:word", ""));
    assertThat(parse(entry("a.io", "user:\0in\0")).find("a.io", ""))
        .contains(new Credentials("user", "\0in", ""));
    assertThat(parse(entry("a.io", "user:")).find("a.io", ""))
        .contains(new Credentials("user", "", ""));
  }

  @ParameterizedTest
  @CsvSource({"YTpi, b", "YTpiYg==, bb", "YTpiYg, bb", "YTpiYmI=, bbb", "YTpiYmI, bbb"})
  void paddedAndUnpaddedBase64AreAccepted(String auth, String password) {
    assertThat(parse("\"a.io\":{\"auth\":\"" + auth + "\"}").find("a.io", ""))
        .contains(new Credentials("a", password, ""));
  }

  @Test
  void authBeatsUsernameAndPassword() {
    DockerConfig config =
        parse(
            "\"a.io\":{\"auth\":\"YTpi\",\"username\":\"x\",\"password\":\"y\"}",
            "\"b.io\":{\"username\":\"x\",\"password\":\"y\",\"email\":\"x@y.z\"}",
            "\"c.io\":{\"auth\":\"\",\"username\":\"x\",\"password\":\"y\"}");

    assertThat(config.find("a.io", "")).contains(new Credentials("a", "b", ""));
    assertThat(config.find("b.io", "")).contains(new Credentials("x", "y", ""));
    assertThat(config.find("c.io", "")).contains(new Credentials("x", "y", ""));
  }

  @Test
  void anIdentityTokenIsKept() {
    DockerConfig config =
        parse(
            "\"a.io\":{\"identitytoken\":\"t\"}",
            "\"b.io\":{\"auth\":\"YTo=\",\"identitytoken\":\"t\"}");

    assertThat(config.find("a.io", "")).contains(new Credentials("", "", "t"));
    assertThat(config.find("b.io", "")).contains(new Credentials("a", "", "t"));
  }

  @ParameterizedTest
  @CsvSource({
    "*.example.com,      a.example.com,     x, known",
    "*.example.com,      A.Example.COM,     x, known",
    "*.example.com,      example.com,       x, nobody",
    "*.example.com,      a.b.example.com,   x, nobody",
    "*.*.example.com,    a.b.example.com,   x, known",
    "*.example.com,      a.example.com:443, x, nobody",
    "*.example.com:5000, a.example.com:5000, x, known",
    "*.example.com:5000, a.example.com:5001, x, nobody",
    "*.example.com:5000, a.example.com,     x, nobody",
    "app*.example.com,   app7.example.com,  x, known",
    "app*.example.com,   ap.example.com,    x, nobody",
    "a*b*c.example.com,  axxbxbxc.example.com, x, known",
    "a*b*c.example.com,  axxbxbx.example.com, x, nobody",
    "registry.*,         registry.example,  x, known",
    "*.example.com/team, a.example.com,     team/app, known",
    "*.example.com/team, a.example.com,     team2, nobody",
    "https://*.example.com/v2/, a.example.com, x, known",
    "*,                  localhost,         x, known",
    "*,                  a.b,               x, nobody"
  })
  void aWildcardStandsForOneLabel(String key, String host, String repository, String user) {
    assertThat(user(parse(entry(key, "known:1")), host, repository)).isEqualTo(user);
  }

  @Test
  void wildcardsComeLastAndTheMoreSpecificOnesFirst() {
    DockerConfig config =
        parse(
            entry("*.example.com", "any:1"),
            entry("*.example.com/team", "team:1"),
            entry("app*.example.com", "app:1"),
            entry("known.example.com", "known:1"));

    assertThat(user(config, "known.example.com", "team")).isEqualTo("known");
    assertThat(user(config, "other.example.com", "team")).isEqualTo("team");
    assertThat(user(config, "other.example.com", "x")).isEqualTo("any");
    assertThat(user(config, "app1.example.com", "x")).isEqualTo("app");
  }

  @Test
  void noWildcardIsInPortOrPath() {
    assertThat(parse(entry("a.io:*", "u:1"), entry("a.io/*", "u:1")).problems())
        .containsExactly(
            "f.json: auths.a.io:*: a wildcard stands for one label of the host; none may be in the"
                + " port or the path",
            "f.json: auths.a.io/*: a wildcard stands for one label of the host; none may be in the"
                + " port or the path");
  }

  @ParameterizedTest
  @CsvSource({
    "h.io,       true,  h80",
    "h.io,       false, h443",
    "h.io:80,    true,  h80",
    "h.io:443,   false, h443",
    "h.io:5000,  true,  h5000",
    "h.io:5001,  true,  nobody",
    "g.io,       true,  g",
    "g.io,       false, g",
    "g.io:443,   false, nobody",
    "g.io:80,    true,  nobody",
    "'[::1]',    true,  six",
    "'[::1]:80', true,  six80",
    "'[::2]',    true,  other80"
  })
  void portsAreLiteralWithOneRuleForHostsWithout(String host, boolean isHttp, String user) {
    DockerConfig config =
        parse(
            entry("h.io", "h:1"),
            entry("h.io:80", "h80:1"),
            entry("h.io:443", "h443:1"),
            entry("h.io:5000", "h5000:1"),
            entry("g.io", "g:1"),
            entry("[::1]", "six:1"),
            entry("[::1]:443", "no:1"),
            entry("[::1]:80", "six80:1"),
            entry("[::2]:80", "other80:1"));
    String expected = host.equals("[::1]") ? "six80" : user;

    assertThat(config.entryFor(host, "a", isHttp).map(found -> found.credentials().username()))
        .isEqualTo(expected.equals(NOBODY) ? Optional.empty() : Optional.of(expected));
  }

  @Test
  void anEntryTellsFileAndKeyAsWritten() {
    assertThat(parse(entry("https://Index.docker.io/v1/", "u:p")).entry("docker.io", "a"))
        .contains(
            new Keyring.Entry(
                "f.json", "https://Index.docker.io/v1/", new Credentials("u", "p", "")));
  }

  @Test
  void anEmptyEntryIsNoEntry() {
    DockerConfig config = parse("\"a.io\":{}", "\"b.io\":{\"auth\":null}");

    assertThat(config.find("a.io", "")).isEmpty();
    assertThat(config.find("b.io", "")).isEmpty();
    assertThat(config.problems()).isEmpty();
  }

  @Test
  void theOldFormatHasNoAuths() {
    DockerConfig config =
        DockerConfig.parse(
            ("{" + entry("https://index.docker.io/v1/", "hub:1") + "," + entry("a.io", "a:1") + "}")
                .getBytes(UTF_8),
            ".dockercfg");

    assertThat(user(config, "docker.io", "library/alpine")).isEqualTo("hub");
    assertThat(user(config, "a.io", "x")).isEqualTo("a");
    assertThat(config.problems()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"a.io\":{\"auth\":\"!s3cret!\"} | auths.a.io.auth is not base64",
        "\"a.io\":{\"auth\":\"czNjcmV0\"} | auths.a.io.auth is not the base64 of user:password",
        "\"a.io\":{\"auth\":5}       | auths.a.io.auth is not a text",
        "\"a.io\":{\"password\":[]}  | auths.a.io.password is not a text",
        "\"a.io\":\"s3cret\"         |"
            + " auths.a.io is not an object such as {\"auth\": \"BASE64 OF USER:PASSWORD\"}",
        "\"a\\nb\":{\"auth\":\"!\"}    | auths.a?b.auth is not base64",
        "\"/a\":{\"auth\":\"YTpi\"}  |"
            + " auths./a: the key has no host; HOST[:PORT][/PATH] is expected",
        "\"https://u:s3cret@a.io\":{\"auth\":\"YTpi\"} |"
            + " auths.***@a.io: the key has user information; HOST[:PORT][/PATH] is expected"
      })
  void oneBadEntryIsAClearErrorAndDoesNotDisableTheOthers(String bad, String problem) {
    DockerConfig config = parse(entry("good.io", "u:1"), bad, entry("also.io", "v:1"));

    assertThat(config.problems()).containsExactly("f.json: " + problem);
    assertThat(user(config, "good.io", "x")).isEqualTo("u");
    assertThat(user(config, "also.io", "x")).isEqualTo("v");
    assertThat(user(config, "a.io", "x")).isEqualTo(NOBODY);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{                     | f.json: not JSON (line 1, column",
        "s3cret                | f.json: not JSON (line 1, column",
        "{\"auths\":s3cret}    | f.json: not JSON (line 1, column",
        "{} {\"s3cret\":1}     | f.json: not JSON (line 1, column",
        "''                    | f.json: auths is missing or not an object; {\"auths\": {\"HOST\":",
        "{}                    | f.json: auths is missing or not an object; {\"auths\": {\"HOST\":",
        "[]                    | f.json: auths is missing or not an object; {\"auths\": {\"HOST\":",
        "{\"auths\":[]}        | f.json: auths is missing or not an object; {\"auths\": {\"HOST\":",
        "{\"auths\":\"s3cret\",\"credsStore\":\"x\"} | f.json: auths is missing or not an object;"
      })
  void aFileThatIsNoneIsRefusedAsAWhole(String text, String complaint) {
    assertThatThrownBy(() -> DockerConfig.parse(text.getBytes(UTF_8), "f.json"))
        .isInstanceOf(CredentialsException.class)
        .hasMessageStartingWith(complaint)
        .hasMessageNotContaining("s3cret")
        .hasNoCause();
  }

  @Test
  void aFileThatCannotBeReadIsNamed() {
    assertThatThrownBy(() -> DockerConfig.read(Path.of("/none.json")))
        .isInstanceOf(CredentialsException.class)
        .hasMessageStartingWith("/none.json: cannot be read");
  }

  @Test
  void aFileIsNamedByItsPath(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("auth.json");
    Files.writeString(file, "{\"auths\":{" + entry("a.io", "u:1") + "}}");

    assertThat(DockerConfig.read(file).entry("a.io", ""))
        .map(Keyring.Entry::file)
        .contains(file.toString());
  }

  @Test
  void aSecretIsInNoText() {
    assertThat(parse(entry("a.io", "user:s3cret")).entry("a.io", "").toString())
        .contains("user:***")
        .doesNotContain("s3cret");
    assertThat(new Credentials("user", "", "s3cret").toString()).isEqualTo("user:***");
    assertThat(new Credentials("s3cret", "s3cret", "").toString()).isEqualTo("***:***");
    assertThat(new Credentials("s3cret", "", "").toString()).isEqualTo("***:***");
  }

  private static DockerConfig parse(String... entries) {
    String json = "{\"auths\":{" + String.join(",", entries) + "}}";
    return DockerConfig.parse(json.getBytes(UTF_8), "f.json");
  }

  private static String entry(String key, String pair) {
    String auth = Base64.getEncoder().encodeToString(pair.getBytes(UTF_8));
    return "\"" + key + "\":{\"auth\":\"" + auth + "\"}";
  }

  private static String user(Keyring keyring, String host, String repository) {
    return keyring.find(host, repository).map(Credentials::username).orElse(NOBODY);
  }
}
