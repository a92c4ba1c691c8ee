package dev.cistern.auth.credentials;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class KeyringTest {
  private static final Keyring TEAM =
      config("secret team/a", "\"h.io/team\":{\"auth\":\"dGVhbTox\"}");
  private static final Keyring GLOBAL =
      config("global.json", "\"h.io\":{\"auth\":\"YWxsOjE=\"},\"b.io\":{\"auth\":\"!\"}");

  @Test
  void ofSeveralSecretsTheFirstWithAMatchServes() {
    Keyring both = Keyring.first(List.of(TEAM, GLOBAL));

    assertThat(both.entry("h.io", "team/app")).map(Keyring.Entry::file).contains("secret team/a");
    assertThat(both.entry("h.io", "other")).map(Keyring.Entry::file).contains("global.json");
    assertThat(both.entry("g.io", "team")).isEmpty();
    assertThat(Keyring.first(List.of(GLOBAL, TEAM)).find("h.io", "team/app"))
        .map(Credentials::username)
        .contains("all");
    assertThat(Keyring.first(List.of()).entry("h.io", "")).isEmpty();
  }

  @Test
  void bothPortsAreLookedUpInTheFirstSecretBeforeTheNext() {
    Keyring first = config("first", "\"h.io\":{\"auth\":\"YTpi\"}");
    Keyring second = config("second", "\"h.io:443\":{\"auth\":\"YTpi\"}");

    assertThat(Keyring.first(List.of(first, second)).entryFor("h.io", "x", false))
        .map(Keyring.Entry::file)
        .contains("first");
    assertThat(Keyring.first(List.of(second, first)).entryFor("h.io", "x", false))
        .map(Keyring.Entry::file)
        .contains("second");
  }

  @Test
  void problemsOfAllAreTold() {
    assertThat(Keyring.first(List.of(TEAM, GLOBAL)).problems())
        .containsExactly("global.json: auths.b.io.auth is not base64");
    assertThat(new LiveKeyring(GLOBAL).problems()).hasSize(1);
    assertThat(Keyring.EMPTY.problems()).isEmpty();
  }

  @Test
  void aReplacedSecretTakesEffectAtOnce() {
    var live = new LiveKeyring(Keyring.EMPTY);
    Keyring user = Keyring.first(List.of(live));
    assertThat(user.entryFor("h.io", "x", false)).isEmpty();

    live.replace(GLOBAL);
    assertThat(user.entryFor("h.io", "x", false)).isPresent();
    assertThat(user.find("h.io", "x")).isPresent();

    live.replace(Keyring.EMPTY);
    assertThat(user.entry("h.io", "x")).isEmpty();
  }

  private static Keyring config(String source, String auths) {
    return DockerConfig.parse(("{\"auths\":{" + auths + "}}").getBytes(UTF_8), source);
  }
}
