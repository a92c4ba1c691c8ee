package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Helpers are shell scripts on a search path of their own. */
class CredentialHelperTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final AtomicLong nanos = new AtomicLong();

  @TempDir private Path directory;
  private Programs programs;

  @BeforeEach
  void search() {
    programs = Programs.of("relative::" + directory, PATIENCE, nanos::get);
  }

  @Test
  void theHelperOfAHostIsAskedForItAlone() throws IOException {
    helper("x", "echo '{\"ServerURL\":\"s\",\"Username\":\"u\",\"Secret\":\"p\"}'");
    DockerConfig config = config("\"credHelpers\":{\"h.io\":\"x\"}");

    assertThat(config.entryFor("h.io", "team/app", false))
        .contains(new Keyring.Entry("f.json", "h.io", new Credentials("u", "p", "")));
    assertThat(config.entryFor("g.io", "team/app", false)).isEmpty();
    assertThat(asked()).containsExactly("get h.io");
  }

  @Test
  void theHelperOfAHostComesBeforeItsEntry() throws IOException {
    helper("x", "echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
    DockerConfig config =
        config("\"auths\":{\"h.io/team\":{\"auth\":\"YTpi\"}},\"credHelpers\":{\"h.io\":\"x\"}");

    assertThat(config.find("h.io", "team/app")).contains(new Credentials("u", "p", ""));
  }

  @Test
  void theStoreIsAskedForWhatHasNoEntry() throws IOException {
    helper("x", "echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
    DockerConfig config =
        config("\"auths\":{\"a.io\":{\"auth\":\"YTpi\"},\"h.io\":{}},\"credsStore\":\"x\"");

    assertThat(config.entryFor("a.io", "app", false)).map(Keyring.Entry::key).contains("a.io");
    assertThat(config.entryFor("h.io", "app", false))
        .contains(new Keyring.Entry("f.json", "credsStore", new Credentials("u", "p", "")));
    assertThat(config.entryFor("docker.io", "app", true)).isPresent();
    assertThat(asked()).containsExactly("get h.io", "get https://index.docker.io/v1/");
  }

  @Test
  void theUserTokenMeansAnIdentityToken() throws IOException {
    helper("x", "echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}'");

    assertThat(config("\"credsStore\":\"x\"").find("h.io", ""))
        .contains(new Credentials("", "", "t"));
  }

  @Test
  void notFoundIsNoEntry() throws IOException {
    helper("x", "echo 'credentials not found in native keychain'; exit 1");

    assertThat(config("\"credsStore\":\"x\"").find("h.io", "")).isEmpty();
    assertThat(
            config("\"auths\":{\"h.io\":{\"auth\":\"YTpi\"}},\"credHelpers\":{\"h.io\":\"x\"}")
                .find("h.io", ""))
        .contains(new Credentials("a", "b", ""));
  }

  @Test
  void anAnswerIsKeptBriefly() throws IOException {
    helper("x", "echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
    DockerConfig config = config("\"credsStore\":\"x\"");

    config.find("h.io", "a");
    nanos.addAndGet(Duration.ofSeconds(29).toNanos());
    config.find("h.io", "b");
    assertThat(asked()).hasSize(1);

    nanos.addAndGet(Duration.ofSeconds(2).toNanos());
    config.find("h.io", "b");
    assertThat(asked()).hasSize(2);
  }

  @Test
  void aFailureIsKeptForAMomentOnly() throws IOException {
    helper("x", "exit 3");
    DockerConfig config = config("\"credsStore\":\"x\"");

    assertThatThrownBy(() -> config.find("h.io", "")).hasMessageContaining("exit status 3");
    assertThatThrownBy(() -> config.find("h.io", "")).hasMessageContaining("exit status 3");
    assertThat(asked()).hasSize(1);

    helper("x", "echo '{\"Username\":\"u\",\"Secret\":\"p\"}'");
    nanos.addAndGet(Duration.ofSeconds(6).toNanos());
    assertThat(config.find("h.io", "")).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "echo s3cret >&2; echo s3cret; exit 7",
        "echo s3cret",
        "echo '{\"Username\":\"s3cret\"}'",
        "echo '[\"s3cret\"]'",
        "exit 0",
        "yes s3cret"
      })
  void aFailureIsAClearErrorWithoutWhatItWrote(String script) throws IOException {
    helper("x", script);

    assertThatThrownBy(() -> config("\"credHelpers\":{\"h.io\":\"x\"}").find("h.io", ""))
        .isInstanceOf(CredentialsException.class)
        .hasMessageStartingWith("f.json: credHelpers.h.io: docker-credential-x ")
        .hasMessageNotContaining("s3cret");
  }

  @Test
  void aHelperThatIsNotThereIsAClearErrorForWhatItIsAskedForOnly() {
    DockerConfig config =
        config(
            "\"auths\":{\"a.io\":{\"auth\":\"YTpi\"}},\"credHelpers\":{\"h.io\":\"none\"},"
                + "\"credsStore\":\"absent\"");

    assertThat(config.entryFor("a.io", "", false)).isPresent();
    assertThatThrownBy(() -> config.find("h.io", ""))
        .hasMessage(
            "f.json: credHelpers.h.io: docker-credential-none is not on the PATH; install it, or"
                + " put the secret into auths");
    assertThatThrownBy(() -> config.find("g.io", ""))
        .hasMessageStartingWith("f.json: credsStore: docker-credential-absent is not on the PATH");
  }

  @Test
  void aHelperThatTakesTooLongIsEnded() throws IOException {
    helper("x", "sleep 1000");
    programs = Programs.of(directory.toString(), Duration.ofMillis(300), nanos::get);

    assertThatThrownBy(() -> config("\"credsStore\":\"x\"").find("h.io", ""))
        .hasMessage("f.json: credsStore: docker-credential-x did not answer in 300 ms");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../x", "a b", "a;b", "x/y", "", "ü"})
  void whatIsNoNameOfAHelperIsAProblem(String name) {
    DockerConfig config =
        config(
            "\"auths\":{\"a.io\":{\"auth\":\"YTpi\"}},\"credHelpers\":{\"h.io\":\"" + name + "\"}");

    assertThat(config.problems())
        .containsExactly(
            "f.json: credHelpers.h.io: no name of a credential helper; NAME of a program"
                + " docker-credential-NAME is expected, of a-z A-Z 0-9 . _ -");
    assertThat(config.find("a.io", "")).isPresent();
    assertThat(config.find("h.io", "")).isEmpty();
  }

  @Test
  void aStoreThatIsNoNameIsAProblem() {
    assertThat(config("\"credsStore\":7").problems())
        .singleElement()
        .asString()
        .startsWith("f.json: credsStore: no name of a credential helper");
    assertThat(config("\"auths\":{},\"credHelpers\":[]").problems())
        .containsExactly("f.json: credHelpers is not an object such as {\"HOST\": \"NAME\"}");
    assertThat(config("\"credsStore\":\"\"").problems()).isEmpty();
  }

  private DockerConfig config(String fields) {
    return DockerConfig.parse(("{" + fields + "}").getBytes(UTF_8), "f.json", programs);
  }

  /** Writes a helper that notes what it is asked, and then runs {@code script}. */
  private void helper(String name, String script) throws IOException {
    Path file = directory.resolve("docker-credential-" + name);
    String note = "echo \"$1 $(cat)\" >> '" + directory.resolve("asked") + "'\n";
    Files.writeString(file, "#!/bin/sh\n" + note + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }

  private List<String> asked() throws IOException {
    return Files.readAllLines(directory.resolve("asked"));
  }
}
