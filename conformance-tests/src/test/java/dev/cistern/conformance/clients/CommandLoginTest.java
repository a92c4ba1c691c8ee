package dev.cistern.conformance.clients;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cistern.conformance.Accounts;
import dev.cistern.conformance.CisternServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Commands that ask a server which asks them who they are. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class CommandLoginTest {
  private static final Pattern REFRESH = Pattern.compile("\"refresh_token\":\"([^\"]+)\"");

  private Path directory;
  private CisternServer server;

  @BeforeAll
  void start(@TempDir Path temporary) throws IOException {
    directory = temporary;
    Path objects = Files.createDirectory(directory.resolve("objects"));
    Files.writeString(
        objects.resolve("admin.yaml"),
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRoleBinding
        metadata: {name: administrators}
        roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
        subjects:
        - {kind: User, name: alice}
        - {kind: ServiceAccount, namespace: operations, name: robot}
        """);
    Path users =
        Files.writeString(directory.resolve("users"), Accounts.ALICE.line() + Accounts.BOB.line());
    Path config =
        Files.writeString(
            directory.resolve("cistern.yaml"),
            "resources: [" + objects + "]\naccess: {users: " + users + ", anonymous: none}\n");
    server = CisternServer.start(directory.resolve("data"), "--config", config.toString());
  }

  @AfterAll
  void stop() {
    if (server != null) {
      server.close();
    }
  }

  @Test
  void withoutCredentialsOneIsToldHowToLogIn() {
    assertThat(why().fail())
        .contains("one has to log in for this", "there are no credentials for it")
        .contains("podman login " + server.host(), "CISTERN_TOKEN");
  }

  @Test
  void theEntryOfTheServerIsShown() throws IOException {
    Path logins = logins(Accounts.ALICE.user() + ":" + Accounts.ALICE.password());
    assertThat(why("--authfile", logins.toString()).run()).contains("rule: ");
    assertThat(why().with("REGISTRY_AUTH_FILE", logins.toString()).run()).contains("rule: ");
  }

  @Test
  void whoIsRefusedIsToldAsWhomAndNoSecret() throws IOException {
    Path wrong = logins("alice:some-s3cret");
    assertThat(why("--authfile", wrong.toString()).fail())
        .contains("user or password is wrong", "asked with the entry " + server.host() + " of")
        .contains("podman login " + server.host())
        .doesNotContain("s3cret");
    Path bob = logins(Accounts.BOB.user() + ":" + Accounts.BOB.password());
    assertThat(why("--authfile", bob.toString()).fail())
        .contains("bob may not administer everywhere", "asked with the entry " + server.host())
        .doesNotContain("s3cret");
  }

  @Test
  void aTokenOfTheEnvironmentIsShown() throws IOException {
    Path logins = logins(Accounts.ALICE.user() + ":" + Accounts.ALICE.password());
    String token =
        cistern("create", "token", "robot", "-n", "operations")
            .and("--authfile", logins.toString(), "--duration", "10m")
            .run();
    assertThat(why().with("CISTERN_TOKEN", token).run()).contains("rule: ");
    assertThat(why().with("CISTERN_TOKEN", token + "x").fail())
        .contains("asked with CISTERN_TOKEN")
        .doesNotContain(token);
  }

  @Test
  void whatDockerLoginSavesIsEnough() throws IOException, InterruptedException {
    HttpResponse<String> answer;
    try (HttpClient client = HttpClient.newHttpClient()) {
      answer =
          client.send(
              HttpRequest.newBuilder(
                      URI.create("http://" + server.host() + "/token?offline_token=true"))
                  .header("Authorization", "Basic " + auth("alice:" + Accounts.ALICE.password()))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
    }
    Matcher refresh = REFRESH.matcher(answer.body());
    assertThat(refresh.find()).isTrue();
    String entry =
        "{\"auth\":\"%s\",\"identitytoken\":\"%s\"}".formatted(auth("alice:"), refresh.group(1));
    Path logins = write("{\"auths\":{\"" + server.host() + "\":" + entry + "}}");
    assertThat(why("--authfile", logins.toString()).run()).contains("rule: ");

    Path old = write(Files.readString(logins).replace(refresh.group(1), "abc"));
    assertThat(why("--authfile", old.toString()).fail())
        .contains("the refresh token is not good", "docker login " + server.host());
  }

  private Command why(String... options) {
    return cistern("why", "team/app:v1").and(options);
  }

  private Command cistern(String... words) {
    return Command.cistern(words)
        .and("--server", "http://" + server.host())
        .with("HOME", directory.toString());
  }

  private Path logins(String userAndPassword) throws IOException {
    return write(
        "{\"auths\":{\"" + server.host() + "\":{\"auth\":\"" + auth(userAndPassword) + "\"}}}");
  }

  private Path write(String json) throws IOException {
    return Files.writeString(Files.createTempFile(directory, "logins", ".json"), json);
  }

  private static String auth(String userAndPassword) {
    return Base64.getEncoder().encodeToString(userAndPassword.getBytes(UTF_8));
  }
}
