package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class LoginTest {
  private static final JsonMapper JSON = new JsonMapper();

  @ParameterizedTest
  @ValueSource(strings = {"", " \n", "{}", "{\"auths\":{}}", "{\"auths\":null}"})
  void aNewFileHasOneEntry(String before) {
    assertThat(login(before, "quay.io/team"))
        .isEqualToNormalizingNewlines(
            """
            {
              "auths" : {
                "quay.io/team" : {
                  "auth" : "dXNlcjpwOnc="
                }
              }
            }
            """);
  }

  @Test
  void anEntryIsReplacedAndAllElseIsKept() {
    String before =
        """
        {"HttpHeaders": {"X": ["1", 2.50, null]},
         "auths": {"a.io": {"auth": "YTpi", "email": "e"},
                   "quay.io": {"username": "old", "password": "old", "identitytoken": "old"},
                   "bad.io": {"auth": "!"}},
         "credHelpers": {"gcr.io": "gcr"}}
        """;

    JsonNode after = JSON.readTree(login(before, "quay.io"));

    assertThat(after)
        .isEqualTo(
            JSON.readTree(
                """
                {"HttpHeaders": {"X": ["1", 2.50, null]},
                 "auths": {"a.io": {"auth": "YTpi", "email": "e"},
                           "quay.io": {"auth": "dXNlcjpwOnc="},
                           "bad.io": {"auth": "!"}},
                 "credHelpers": {"gcr.io": "gcr"}}
                """));
  }

  @Test
  void whatWasAddedIsFound() {
    assertThat(DockerConfig.parse(login("", "h:5000").getBytes(UTF_8), "f").find("h:5000", "a"))
        .contains(new Credentials("user", "p:w", ""));
  }

  @Test
  void theSameRegistryInOtherLettersIsReplaced() {
    assertThat(
            JSON.readTree(
                login("{\"auths\":{\"A.io/\":{\"auth\":\"x\"},\"a.io/b\":{},\"@\":{}}}", "a.io")))
        .isEqualTo(
            JSON.readTree(
                "{\"auths\":{\"a.io/b\":{},\"@\":{},\"a.io\":{\"auth\":\"dXNlcjpwOnc=\"}}}"));
  }

  @Test
  void theOldFormatStaysTheOldFormat() {
    assertThat(JSON.readTree(login("{\"a.io\":{\"auth\":\"YTpi\"}}", "b.io")))
        .isEqualTo(
            JSON.readTree("{\"a.io\":{\"auth\":\"YTpi\"},\"b.io\":{\"auth\":\"dXNlcjpwOnc=\"}}"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "s3cret             | not JSON (line 1, column",
        "[]                 | not a docker configuration: not a JSON object",
        "{\"auths\":\"s3cret\"} | not a docker configuration: auths is not an object"
      })
  void whatIsNoFileIsNotChanged(String before, String complaint) {
    assertThatThrownBy(() -> login(before, "quay.io"))
        .isInstanceOf(CredentialsException.class)
        .hasMessageStartingWith(complaint)
        .hasMessageNotContaining("s3cret");
  }

  @Test
  void whatCanBeNoEntryIsRefused() {
    assertThatThrownBy(() -> login("", "")).hasMessageStartingWith("the key has no host");
    assertThatThrownBy(() -> login("", "u@h")).hasMessageStartingWith("the key has user");
    assertThatThrownBy(() -> DockerConfig.withLogin(new byte[0], "h", "a:b", "s3cret"))
        .isInstanceOf(CredentialsException.class)
        .hasMessage("a user name is expected, not empty and without a colon");
    assertThatThrownBy(() -> DockerConfig.withLogin(new byte[0], "h", "", "s3cret"))
        .hasMessage("a user name is expected, not empty and without a colon");
  }

  private static String login(String before, String registry) {
    return new String(
        DockerConfig.withLogin(before.getBytes(UTF_8), registry, "user", "p:w"), UTF_8);
  }
}
