package dev.cistern.server.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cistern.auth.credentials.CredentialsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoginsTest {
  private static final String HOST = "registry.example.com:5000";

  @TempDir private Path directory;

  private final Map<String, String> environment = new HashMap<>();

  @Test
  void theFilesAreThoseOfPodmanAndDockerInTheirOrder() throws IOException {
    environment.put("HOME", directory.resolve("home").toString());
    environment.put("XDG_RUNTIME_DIR", directory.resolve("run").toString());
    environment.put("DOCKER_CONFIG", directory.resolve("docker").toString());
    environment.put("REGISTRY_AUTH_FILE", directory.resolve("auth.json").toString());
    assertThat(find().login()).isEmpty();

    write("home/.docker/config.json", HOST, "home");
    assertThat(user()).isEqualTo("home:p");
    write("run/containers/auth.json", HOST, "run");
    assertThat(user()).isEqualTo("run:p");
    write("docker/config.json", HOST, "docker");
    assertThat(user()).isEqualTo("docker:p");
    write("auth.json", "other.example.com", "other");
    assertThat(user()).as("the first with an entry for the host").isEqualTo("docker:p");
    write("auth.json", HOST, "auth");
    assertThat(user()).isEqualTo("auth:p");
  }

  @Test
  void aTokenOfTheEnvironmentComesBeforeThem() throws IOException {
    write("auth.json", HOST, "auth");
    environment.put("REGISTRY_AUTH_FILE", directory.resolve("auth.json").toString());
    environment.put("CISTERN_TOKEN", " abc\n");
    Login login = find().login().orElseThrow();
    assertThat(login.authorization()).isEqualTo("Bearer abc");
    assertThat(login).hasToString("CISTERN_TOKEN");
  }

  @Test
  void theFileThatIsNamedIsTheOnlyOne() throws IOException {
    environment.put("CISTERN_TOKEN", "abc");
    Path file = write("named.json", "other.example.com", "named");
    assertThat(named(file).find(HOST, false).login()).isEmpty();
    write("named.json", HOST, "named");
    Login login = named(file).find(HOST, false).login().orElseThrow();
    assertThat(login).hasToString("the entry " + HOST + " of " + file);
    assertThatThrownBy(() -> named(directory.resolve("none.json")).find(HOST, false))
        .isInstanceOf(CredentialsException.class)
        .hasMessageContaining("none.json: cannot be read");
  }

  @Test
  void aFileThatCannotBeUsedIsToldIfNoOtherServes() throws IOException {
    environment.put("HOME", directory.resolve("home").toString());
    environment.put("DOCKER_CONFIG", directory.resolve("docker").toString());
    Files.createDirectories(directory.resolve("docker"));
    Files.writeString(directory.resolve("docker/config.json"), "{");
    assertThat(find().problems()).singleElement().asString().contains("docker/config.json");
    write("home/.docker/config.json", HOST, "home");
    assertThat(user()).isEqualTo("home:p");
  }

  @Test
  void whatDockerSavesInsteadOfAPasswordIsKnown() throws IOException {
    Path file = directory.resolve("auth.json");
    Files.writeString(file, "{\"auths\":{\"" + HOST + "\":{\"identitytoken\":\"abc\"}}}");
    Login login = named(file).find(HOST, false).login().orElseThrow();
    assertThat(login.identityToken()).isEqualTo("abc");
    assertThat(login.authorization()).isEmpty();
    assertThat(login.with("def").authorization()).isEqualTo("Bearer def");
  }

  private Logins named(Path file) {
    return new Logins(Optional.of(file), environment);
  }

  private Logins.Found find() {
    return new Logins(Optional.empty(), environment).find(HOST, false);
  }

  private String user() {
    String basic = find().login().orElseThrow().authorization();
    return new String(Base64.getDecoder().decode(basic.substring("Basic ".length())), UTF_8);
  }

  private Path write(String name, String host, String user) throws IOException {
    Path file = directory.resolve(name);
    Files.createDirectories(file.getParent());
    String auth = Base64.getEncoder().encodeToString((user + ":p").getBytes(UTF_8));
    return Files.writeString(file, "{\"auths\":{\"" + host + "\":{\"auth\":\"" + auth + "\"}}}");
  }
}
